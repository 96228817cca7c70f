// `applgen serve` in a browser: an edit shows without a hand on the keyboard, where the reader was; what is wrong
// is shown over the page, and goes when it is mended.

import { spawn, execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SECONDS = 10;

/** Serves a website and a deck and edits them; how many checks failed. */
export async function liveReload(browser, applgen, scratch, ends) {
  let failed = 0;
  const check = async (what, work) => {
    try {
      await work();
      console.log(`  ok   serve: ${what}`);
    } catch (error) {
      failed++;
      console.log(`  FAIL serve: ${what}\n       ${error.message.split('\n').slice(0, 3).join(' ')}`);
    }
  };
  const context = await browser.newContext({ viewport: { width: 900, height: 500 } });
  context.setDefaultTimeout(SECONDS * 1000);

  const site = join(scratch, 'site');
  execFileSync(applgen, ['new', 'website', site], { stdio: 'ignore' });
  const file = join(site, 'content/posts/first.md');
  const text = readFileSync(file, 'utf8') + '\n\nA paragraph.\n'.repeat(60);
  writeFileSync(file, text);
  const page = await context.newPage();
  const origin = await start(applgen, site, ends);
  await page.goto(`${origin}posts/first/`);
  await check('an edit shows, and the page stays where it was', async () => {
    await page.evaluate(() => scrollTo(0, 700));
    writeFileSync(file, `${text}\nWritten later.\n`);
    await page.getByText('Written later.').waitFor({ state: 'attached' });
    await page.waitForFunction(() => Math.abs(scrollY - 700) < 2);
  });
  await check('a style changes without loading the page again', async () => {
    await page.evaluate(() => { window.same = true; });
    const sheet = join(site, 'sass/site.scss');
    writeFileSync(sheet, `${readFileSync(sheet, 'utf8')}\nbody { outline: 3px solid rgb(1, 2, 3); }\n`);
    await page.waitForFunction(() => getComputedStyle(document.body).outlineColor === 'rgb(1, 2, 3)');
    if (!await page.evaluate(() => window.same)) throw new Error('the page was loaded again');
  });
  await check('a mistake is shown over the page, and goes', async () => {
    writeFileSync(file, text.replace('title =', 'title'));
    await page.getByRole('alert').getByText('content/posts/first.md').waitFor();
    writeFileSync(file, `${text}\nMended.\n`);
    await page.getByText('Mended.').waitFor({ state: 'attached' });
    await page.getByRole('alert').waitFor({ state: 'detached' });
  });

  const deck = join(scratch, 'deck');
  mkdirSync(deck);
  const slides = '# One\n\n---\n\n# Two\n\n---\n\n# Three\n\n---\n\n# Four\n';
  writeFileSync(join(deck, 'slides.md'), slides);
  const talk = await context.newPage();
  await talk.goto(`${await start(applgen, deck, ends)}#/2`);
  await check('a deck stays at its slide', async () => {
    await talk.getByRole('heading', { name: 'Three' }).waitFor();
    writeFileSync(join(deck, 'slides.md'), slides.replace('# Three', '# Three, later'));
    await talk.getByRole('heading', { name: 'Three, later' }).waitFor();
    const hash = await talk.evaluate(() => location.hash);
    if (hash !== '#/2') throw new Error(`it is at ${hash}`);
  });
  await context.close();
  return failed;
}

/** Starts `applgen serve`; where it listens. */
async function start(applgen, directory, ends) {
  const child = spawn(applgen, ['serve', directory, '--http', '0'], { stdio: ['ignore', 'pipe', 'ignore'] });
  ends.push(() => child.exitCode === null && child.kill());
  return new Promise((ready, failed) => {
    let said = '';
    child.stdout.on('data', data => {
      said += data;
      const address = said.match(/^listening (\S+)$/m);
      if (address) ready(address[1]);
    });
    child.on('exit', code => failed(new Error(`\`applgen serve\` ended with status ${code}`)));
    setTimeout(() => failed(new Error('`applgen serve` did not listen within 20 s')), 20_000).unref();
  });
}
