// The page as a thing that is sent: its size, and what a strict security policy leaves of it.

import { createHash } from 'node:crypto';
import { goTo, state } from '../deck.mjs';

const THEME_BYTES = 16_000;

/** What is not the deck's own content: the theme, its script and the page around them. */
export async function size(deck) {
  const body = await (await fetch(deck.url)).text();
  const start = body.indexOf('<section');
  const end = body.lastIndexOf('</section>');
  if (start < 0 || end < start) return ['no slide is in the page as it is sent'];
  const theme = Buffer.byteLength(body) - Buffer.byteLength(body.slice(start, end));
  console.log(`       theme ${theme} bytes of ${Buffer.byteLength(body)}`);
  return theme > THEME_BYTES ? [`the theme takes ${theme} bytes, of ${THEME_BYTES} allowed`] : [];
}

/** A policy that lets only the page's own style and script in, by their hashes, breaks nothing. */
export async function policy(deck) {
  const body = await (await fetch(deck.url)).text();
  const hashes = tag => [...body.matchAll(new RegExp(`<${tag}>([^]*?)</${tag}>`, 'g'))]
    .map(([, text]) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`).join(' ');
  const rule = `default-src 'self'; script-src ${hashes('script')}; style-src-elem 'self' ${hashes('style')}; style-src-attr 'unsafe-inline'; `
    + "img-src 'self' data:; frame-src *; media-src *; require-trusted-types-for 'script'";
  const page = await deck.page({
    prepare: page => page.route(deck.url, async route => {
      const response = await route.fetch();
      await route.fulfill({ response, headers: { ...response.headers(), 'content-security-policy': rule } });
    }),
  });
  const problems = [];
  for (const slide of deck.slides) await goTo(page, slide);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Enter');
  if ((await state(page)).present[0] !== deck.slides.length - 1) problems.push('the deck does not move under the policy');
  return problems;
}

/** Keys held down through the whole deck, several times: the browser has nothing to complain of, and the address follows. */
export async function haste(deck) {
  const page = await deck.page();
  const turns = Math.ceil(450 / deck.slides.length);
  for (let i = 0; i < turns; i++) {
    await page.evaluate(() => {
      const press = key => dispatchEvent.call(document.body, new KeyboardEvent('keydown', { key, bubbles: true }));
      for (let n = 0; n < Reveal.getTotalSlides(); n++) press(' ');
      press('Home');
    });
  }
  await page.waitForFunction(() => (location.hash || '#/') === '#/', null, { timeout: 15_000 });
  const { present } = await state(page);
  return present[0] === 0 ? [] : [`slide ${present[0]} is present after Home`];
}
