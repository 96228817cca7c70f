// The other ways to see a deck: all slides at once, and on paper.

import { goTo, state } from '../deck.mjs';

export async function overview(deck) {
  const problems = [];
  const page = await deck.page();
  const { slides } = deck;
  const leaves = page.locator('.slides section:not(:has(section))');
  await page.keyboard.press('Escape');
  if (!await page.evaluate(() => Reveal.isOverview())) return ['Escape does not show the overview'];
  const seen = await leaves.evaluateAll(all => all.map(s => {
    const { width, height, left, top } = s.getBoundingClientRect();
    return { visible: s.checkVisibility() && width > 20 && height > 20, place: `${Math.round(left)},${Math.round(top)}`, hidden: s.ariaHidden === 'true' };
  }));
  seen.forEach((s, n) => {
    if (!s.visible) problems.push(`slide ${n} is not to be seen in the overview`);
    if (s.hidden) problems.push(`slide ${n} is hidden from a screen reader in the overview`);
  });
  if (new Set(seen.map(s => s.place)).size !== slides.length) problems.push('slides lie over each other in the overview');

  const steps = [['End', slides.length - 1], ['Home', 0]];
  if (slides.some(s => s.h === 1)) steps.push(['ArrowRight', slides.findIndex(s => s.h === 1)]);
  for (const [key, n] of steps) {
    await page.keyboard.press(key);
    const { present } = await state(page);
    if (present[0] !== n) problems.push(`${key} in the overview leads to slide ${present[0]}, not ${n}`);
    const inView = await leaves.nth(n).evaluate(s => {
      const box = s.getBoundingClientRect();
      const pixels = [box.left, box.top, innerWidth - box.right, innerHeight - box.bottom].map(Math.round); // scrolling stops at whole pixels
      return pixels.every(p => p >= 0) && document.activeElement === s;
    });
    if (!inView) problems.push(`${key} in the overview: slide ${n} is out of sight or has no focus`);
  }
  const chosen = (await state(page)).present[0];
  await page.keyboard.press('Enter');
  let now = await state(page);
  if (now.present[0] !== chosen || now.shown.length !== 1) problems.push('Enter does not choose the slide in focus');

  await page.keyboard.press('o');
  const target = Math.min(1, slides.length - 1);
  await page.keyboard.press('Home');
  await leaves.nth(target).click();
  now = await state(page);
  if (now.present[0] !== target || now.shown.length !== 1) problems.push('a click does not choose a slide');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  if ((await state(page)).shown.length !== 1) problems.push('Escape does not close the overview');
  return problems;
}

/** One page a slide: by the address for it, by plain printing, on several kinds of paper, and with scripts off nothing is lost. */
export async function print(deck) {
  const problems = [];
  const wanted = deck.slides.length;
  const count = pdf => pdf.toString('latin1').match(/\/Type\s*\/Page\b/g)?.length ?? 0;
  const papers = { 'its own size': { preferCSSPageSize: true }, letter: { format: 'Letter' }, 'A4 across': { format: 'A4', landscape: true } };
  for (const query of ['?print-pdf', '']) {
    const page = await deck.page({ query });
    for (const [name, paper] of Object.entries(papers)) {
      const pages = count(await page.pdf({ printBackground: true, ...paper }));
      if (pages !== wanted) problems.push(`${query || 'plain printing'}, ${name}: ${pages} pages for ${wanted} slides`);
    }
    if (!query && (await state(page)).shown.length !== 1) problems.push('after printing the deck is not what it was');
  }

  const page = await deck.page({ query: '?print-pdf' });
  const found = await page.evaluate(() => {
    const leaves = [...document.querySelectorAll('.slides section')].filter(s => !s.querySelector('section'));
    return leaves.map(s => {
      const box = s.getBoundingClientRect();
      const lost = [...s.querySelectorAll('*')].filter(e => {
        if (e.closest('.notes, [hidden], svg') || !e.textContent.trim() && e.localName !== 'img') return false;
        const r = e.getBoundingClientRect();
        return !e.checkVisibility({ opacityProperty: true, visibilityProperty: true })
          || r.width && (r.left < box.left - 1 || r.top < box.top - 1 || r.right > box.right + 1 || r.bottom > box.bottom + 1);
      });
      return { size: `${box.width.toFixed()}×${box.height.toFixed()}`, lost: lost.map(e => e.outerHTML.slice(0, 80)) };
    });
  });
  found.forEach(({ size, lost }, n) => {
    const { h, v } = deck.slides[n];
    if (size !== '1280×720') problems.push(`#/${h}/${v}: ${size} on paper`);
    problems.push(...lost.map(html => `#/${h}/${v}: hidden or cut on paper: ${html}`));
  });
  return problems;
}
