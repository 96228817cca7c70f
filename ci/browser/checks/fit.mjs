// Nothing sticks out: every element and every text of a slide lies in the slide, and the slide in the window.

import { SIZES, goTo } from '../deck.mjs';

const MORE_SIZES = [...SIZES, { width: 844, height: 390 }, { width: 1024, height: 768 }, { width: 2560, height: 1080 }];

export async function overflow(deck) {
  const problems = [];
  for (const viewport of MORE_SIZES) {
    const page = await deck.page({ viewport });
    for (const slide of deck.slides) {
      for (const group of [undefined, ...slide.groups.slice(-1)]) {
        await goTo(page, slide, group);
        problems.push(...(await page.evaluate(outside)).map(what => `${viewport.width}×${viewport.height} #/${slide.h}/${slide.v}: ${what}`));
      }
    }
    await deck.closePages();
  }
  return problems;
}

/** A window that changes its size while it is open leaves a slide that fits. */
export async function resize(deck) {
  const problems = [];
  const page = await deck.page();
  for (const slide of deck.slides.filter((_, n) => n % Math.ceil(deck.slides.length / 12) === 0)) {
    await goTo(page, slide);
    for (const viewport of [SIZES[1], { width: 320, height: 320 }, SIZES[0]]) {
      await page.setViewportSize(viewport);
      await page.evaluate(() => new Promise(requestAnimationFrame));
      problems.push(...(await page.evaluate(outside)).map(what => `${viewport.width}×${viewport.height} #/${slide.h}/${slide.v}: ${what}`));
    }
  }
  return problems;
}

/** Runs in the page. What lies outside its slide or outside the window, by more than a pixel. */
function outside() {
  const slide = [...document.querySelectorAll('.slides section.present')].at(-1);
  const box = slide.getBoundingClientRect();
  const found = [];
  const check = (rect, name) => {
    if (!rect.width && !rect.height) return;
    for (const [around, edges] of [['slide', box], ['window', { left: 0, top: 0, right: innerWidth, bottom: innerHeight }]]) {
      const by = Math.max(edges.left - rect.left, edges.top - rect.top, rect.right - edges.right, rect.bottom - edges.bottom);
      if (by > 1) found.push(`${name} is ${by.toFixed(1)} px outside the ${around}`);
    }
  };
  check(box, 'the slide');
  if (Math.abs(box.width - innerWidth) > 1 || Math.abs(box.height - innerHeight) > 1) found.push(`the slide is ${box.width}×${box.height}`);
  const drawn = e => e.checkVisibility() && !e.ownerSVGElement;
  for (const e of slide.querySelectorAll('*')) if (drawn(e)) check(e.getBoundingClientRect(), `<${e.localName} class="${e.className}">`);
  const texts = document.createTreeWalker(slide, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (texts.nextNode()) {
    const { parentElement: e, data } = texts.currentNode;
    if (!data.trim() || !drawn(e)) continue;
    range.selectNodeContents(texts.currentNode);
    check(range.getBoundingClientRect(), `“${data.trim().slice(0, 30)}”`);
    for (let up = e; up !== slide; up = up.parentElement) {
      if (getComputedStyle(up).overflow !== 'visible' && (up.scrollWidth > up.clientWidth + 1 || up.scrollHeight > up.clientHeight + 1)) {
        found.push(`<${up.localName}> has to be scrolled`);
      }
    }
  }
  if (document.documentElement.scrollHeight > innerHeight || document.documentElement.scrollWidth > innerWidth) found.push('the page has to be scrolled');
  // The bar of buttons covers no text.
  return [...new Set(found)];
}
