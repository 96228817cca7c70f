// Our own theme and pages, as people get them: every page of an image is valid HTML by html-validate, passes
// axe-core in light and dark, wide and narrow, and reads the same without script.

import { pagesOf } from './pages.mjs';

const WIDE = { width: 1280, height: 800 }, NARROW = { width: 320, height: 640 };
const ways = [
  ['light', { colorScheme: 'light', viewport: WIDE }],
  ['dark', { colorScheme: 'dark', viewport: WIDE }],
  ['narrow', { colorScheme: 'light', viewport: NARROW }],
  ['dark, narrow, without script', { colorScheme: 'dark', viewport: NARROW, javaScriptEnabled: false }],
];

/** Opens each page of an image; how many had something wrong. */
export async function website(browser, modules, applgen, image, origin) {
  const { HtmlValidate } = modules('html-validate');
  // What the standard says; how code is laid out is a template's own business, and all that is loaded is our own.
  const off = ['no-trailing-whitespace', 'void-style', 'doctype-style', 'no-inline-style', 'long-title'];
  const validator = new HtmlValidate({
    extends: ['html-validate:recommended'],
    rules: { ...Object.fromEntries(off.map(rule => [rule, 'off'])), 'require-sri': ['error', { target: 'crossorigin' }] },
  });
  const axe = modules.resolve('axe-core/axe.min.js');
  // A page has two names, and is looked at once.
  const pages = (await pagesOf(applgen, image, origin)).filter(({ url }) => !url.endsWith('/index.html'));
  let failed = 0;
  for (const { url } of pages) {
    const problems = new Set();
    const html = await (await fetch(url)).text();
    for (const { messages } of (await validator.validateString(html, url)).results) {
      for (const { ruleId, message, line, column, selector } of messages) problems.add(`html-validate ${line}:${column} ${ruleId}: ${message} ${selector ?? ''}`);
    }
    let text;
    for (const [place, options] of ways) {
      const context = await browser.newContext({ bypassCSP: true, ...options });
      const page = await context.newPage();
      page.on('pageerror', error => problems.add(`${place}: exception: ${error.message}`));
      page.on('response', response => {
        if (response.status() >= 400 && response.url() !== url) problems.add(`${place}: status ${response.status()}: ${response.url()}`);
      });
      await page.goto(url, { waitUntil: 'load' });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (wide > 0) problems.add(`${place}: ${wide} px wider than the window`);
      const shown = (await page.evaluate(() => document.body.innerText)).replace(/\s+/g, ' ');
      text ??= shown;
      if (shown !== text) problems.add(`${place}: its text is another one`);
      const dark = await page.evaluate(() => {
        const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number);
        return r + g + b < 384;
      });
      if (dark !== (options.colorScheme === 'dark')) problems.add(`${place}: the background is not ${options.colorScheme}`);
      // axe needs timers, which a page without script has not.
      if (options.javaScriptEnabled !== false) {
        await page.addScriptTag({ path: axe });
        const violations = await page.evaluate(async () => (await axe.run(document, { resultTypes: ['violations'] })).violations
          .flatMap(v => v.nodes.map(node => `${v.id}: ${node.html.slice(0, 90)} ${node.any[0]?.message ?? v.help}`)));
        for (const violation of violations) problems.add(`${place}: axe ${violation}`);
      }
      await context.close();
    }
    if (!problems.size) continue;
    failed++;
    console.log(`  FAIL ${url}`);
    for (const problem of [...problems].slice(0, 8)) console.log(`       ${problem}`);
  }
  console.log(`${image}: ${pages.length} pages valid, in light and dark, wide and narrow, with and without script: ${failed} failed`);
  return pages.length ? failed : 1;
}
