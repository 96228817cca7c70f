// Every page of an image, under the Content-Security-Policy that it is sent with: nothing is stopped, nothing fails.

import { execFileSync } from 'node:child_process';

/** The pages that `inspect` lists: their addresses, and the policies that they are sent with. */
export async function pagesOf(applgen, image, origin) {
  const { paths } = JSON.parse(execFileSync(applgen, ['inspect', '--json', image], { encoding: 'utf8', maxBuffer: 1 << 28 }));
  const pages = [];
  for (const { path, host } of paths) {
    if (host) continue; // its name leads nowhere here
    const url = new URL(path.split('/').map(encodeURIComponent).join('/'), origin).href;
    const head = await fetch(url, { method: 'HEAD', redirect: 'manual' });
    if (!/^text\/html/.test(head.headers.get('content-type') ?? '') || head.status >= 300 && head.status < 400) continue;
    pages.push({ url, policy: head.headers.get('content-security-policy') });
  }
  return pages;
}

/** Opens each page that `inspect` lists; how many had something wrong. */
export async function everyPage(browser, applgen, image, origin) {
  const context = await browser.newContext();
  let pages = 0, failed = 0;
  for (const { url, policy } of await pagesOf(applgen, image, origin)) {
    const problems = [];
    if (!policy) problems.push('no policy');
    const page = await context.newPage();
    page.on('console', message => {
      if (/Content Security Policy/.test(message.text())) problems.push(message.text());
    });
    page.on('pageerror', error => problems.push(`exception: ${error.message}`));
    await page.addInitScript(() => {
      window.stopped = [];
      addEventListener('securitypolicyviolation', e => window.stopped.push(`${e.violatedDirective}: ${e.blockedURI} ${e.sample}`));
    });
    await page.goto(url, { waitUntil: 'load' });
    problems.push(...await page.evaluate(() => window.stopped));
    await page.close();
    pages++;
    if (!problems.length) continue;
    failed++;
    console.log(`  FAIL ${url}: ${policy}`);
    for (const problem of problems.slice(0, 5)) console.log(`       ${problem}`);
  }
  await context.close();
  console.log(`${image}: ${pages} pages under their policies, ${failed} failed`);
  if (!pages) console.log('  FAIL there is no page');
  return pages ? failed : 1;
}
