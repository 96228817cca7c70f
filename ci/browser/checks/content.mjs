// What a deck holds: as many slides as it should, in order, with every picture and all of its text.

import { SIZES } from '../deck.mjs';

export async function slides(deck) {
  const problems = [];
  const { expected = deck.slides.length } = deck;
  const page = await deck.page();
  const total = await page.evaluate(() => Reveal.getTotalSlides());
  const uncounted = await page.locator('.slides [data-visibility=uncounted]').count();
  if (!deck.slides.length) problems.push('the page holds no slide');
  if (deck.slides.length !== expected) problems.push(`the page holds ${deck.slides.length} slides, not ${expected}`);
  if (total + uncounted !== deck.slides.length) problems.push(`the script counts ${total} slides of ${deck.slides.length}`);
  for (const { h, v, groups } of deck.slides) {
    if (groups.some((group, i) => group !== i)) problems.push(`#/${h}/${v}: its groups of fragments are ${groups}`);
  }
  return problems;
}

export async function pictures(deck) {
  const page = await deck.page();
  const broken = await page.evaluate(async () => {
    const images = [...document.images];
    await Promise.allSettled(images.map(image => image.decode()));
    return images.filter(image => !image.naturalWidth).map(image => image.getAttribute('src'));
  });
  const unexpected = broken.filter(src => !deck.missing.some(name => decodeURI(src).endsWith(name)));
  const found = deck.missing.filter(name => !broken.some(src => decodeURI(src).endsWith(name)));
  return [...unexpected.map(src => `no picture: ${src}`), ...found.map(name => `\`${name}\` was said to be missing, and is not`)];
}

/** With scripts off a deck is a page: every slide's text is there to be read, one below the other, none wider than the window. */
export async function withoutScript(deck) {
  const problems = [];
  for (const viewport of SIZES) {
    const page = await deck.page({ javaScriptEnabled: false, viewport });
    const found = await page.evaluate(() => {
      const leaves = [...document.querySelectorAll('.slides section:not([data-visibility=hidden])')].filter(s => !s.querySelector('section'));
      return {
        wide: document.documentElement.scrollWidth - innerWidth,
        slides: leaves.map(s => {
          const box = s.getBoundingClientRect();
          const hidden = [...s.querySelectorAll('*')].filter(e => !e.closest('.notes, [hidden], script, style') && e.textContent.trim()
            && !e.checkVisibility({ opacityProperty: true, visibilityProperty: true }));
          return { top: box.top, bottom: box.bottom, text: s.innerText, hidden: hidden.map(e => e.outerHTML.slice(0, 80)) };
        }),
      };
    });
    if (found.wide > 0) problems.push(`the page is ${found.wide} px wider than ${viewport.width}`);
    const plain = text => text.replace(/\s+/g, '').toLowerCase();
    found.slides.forEach((slide, i) => {
      const { h, v, text } = deck.slides[i];
      if (plain(slide.text) !== plain(text)) problems.push(`#/${h}/${v}: of “${text.slice(0, 60)}” one reads “${slide.text.slice(0, 60)}”`);
      if (i && slide.top < found.slides[i - 1].bottom - 1) problems.push(`#/${h}/${v}: lies over the slide before it`);
      problems.push(...slide.hidden.map(html => `#/${h}/${v}: hidden: ${html}`));
    });
  }
  return problems;
}
