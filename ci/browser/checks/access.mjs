// For those who do not see the screen, or not well: what a screen reader is told, focus, contrast, axe-core's rules.

import { goTo, state } from '../deck.mjs';

/** All names in the accessibility tree, as one text. */
async function spoken(page) {
  const client = await page.context().newCDPSession(page);
  const { nodes } = await client.send('Accessibility.getFullAXTree');
  await client.detach();
  return nodes.filter(node => !node.ignored);
}

const plain = text => text.replace(/[\s\u00a0]+/g, ' ').trim();

export async function accessibility(deck) {
  const problems = [];
  const page = await deck.page();
  const { slides } = deck;
  const titles = slides.map(s => plain(s.title));
  for (const [n, slide] of slides.entries()) {
    await goTo(page, slide);
    const nodes = await spoken(page);
    const headings = nodes.filter(node => node.role?.value === 'heading').map(node => plain(node.name?.value ?? ''));
    if (titles[n] && !slide.groups.length && !headings.includes(titles[n])) problems.push(`#/${slide.h}/${slide.v}: its heading “${titles[n]}” is not spoken`);
    const others = headings.filter(heading => titles.includes(heading) && heading !== titles[n] && !plain(slide.text).includes(heading));
    if (others.length) problems.push(`#/${slide.h}/${slide.v}: headings of other slides are spoken: ${others}`);
    for (const role of ['button', 'link']) {
      const nameless = nodes.filter(node => node.role?.value === role && !node.name?.value);
      if (nameless.length && role === 'button') problems.push(`#/${slide.h}/${slide.v}: a ${role} without a name`);
    }
    if (n === 0 && !nodes.some(node => node.role?.value === 'main')) problems.push('there is no main landmark');
  }

  // A slide that comes is announced, and focus never stays in one that went.
  await goTo(page, slides[0]);
  if (slides.length > 1) {
    for (let i = 0; i <= slides[0].groups.length; i++) await page.keyboard.press('Space');
    const said = plain(await page.locator('[role=status]').innerText());
    if (!said.includes(`2 of ${slides.length}`)) problems.push(`what is announced is “${said.slice(0, 60)}”`);
    if (titles[1] && !said.includes(titles[1])) problems.push(`“${titles[1]}” is not announced, but “${said.slice(0, 60)}”`);
  }
  const linked = await page.evaluate(() => {
    const link = document.querySelector('.slides a[href]');
    const leaf = link?.closest('section');
    return leaf && Reveal.slide(leaf.h, leaf.v, Infinity) === undefined && (link.focus(), document.activeElement === link);
  });
  if (linked && slides.length > 1) {
    await page.keyboard.press((await state(page)).present[0] === slides.length - 1 ? 'Home' : 'End');
    const focus = await page.evaluate(() => document.activeElement.checkVisibility() && document.activeElement !== document.body);
    if (!focus) problems.push('focus stays on a slide that is gone');
  }

  // By the tab key: the buttons are reached, seen to be reached, and work.
  await goTo(page, slides[0]);
  const next = page.getByRole('button', { name: 'Next' });
  await next.focus();
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Tab');
  const outline = await next.evaluate(e => getComputedStyle(e).outlineStyle);
  if (outline === 'none') problems.push('the focus on a button is not to be seen');
  if (slides.length > 1 && !slides[0].groups.length) {
    await page.keyboard.press('Enter');
    if ((await state(page)).present[0] !== 1) problems.push('Enter on the button does not lead on');
  }
  return problems;
}

/** axe-core on every slide (of a long deck: on eight), in light and in dark, and on the overview. (axe needs timers, which a page without script has not.) */
export async function axe(deck) {
  const problems = new Set();
  const source = deck.modules.resolve('axe-core/axe.min.js');
  const every = Math.ceil(deck.slides.length / 8);
  const run = async (page, place) => {
    const violations = await page.evaluate(async () => (await axe.run(document, { resultTypes: ['violations'] })).violations
      .filter(v => ['serious', 'critical'].includes(v.impact))
      .flatMap(v => v.nodes.map(node => ({ rule: v.id, html: node.html.slice(0, 90), why: node.any[0]?.message ?? v.help }))));
    for (const { rule, html, why } of violations) if (!deck.allow.includes(rule)) problems.add(`${place}: ${rule}: ${html} ${why}`);
  };
  for (const colorScheme of ['light', 'dark']) {
    // axe comes as a script that is not the page's; everything else is held to the policy that was sent.
    const page = await deck.page({ colorScheme, bypassCSP: true });
    await page.addScriptTag({ path: source });
    for (const slide of deck.slides.filter((_, n) => n % every === 0)) {
      await goTo(page, slide, slide.groups.at(-1));
      await run(page, `${colorScheme} #/${slide.h}/${slide.v}`);
    }
    await page.keyboard.press('Escape');
    await run(page, `${colorScheme} overview`);
  }
  return [...problems];
}
