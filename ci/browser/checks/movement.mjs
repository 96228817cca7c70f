// Moving about: every slide and fragment in order and back, the keys, the addresses, the swipes.

import { Deck, goTo, state } from '../deck.mjs';

/** Every state that a deck goes through when only the space key is pressed. */
const stations = deck => deck.slides.flatMap(({ groups }, n) => [-1, ...groups].map(group => ({ n, group })));

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

async function compare(page, deck, { n, group }, problems, after) {
  const slide = deck.slides[n];
  const is = await state(page);
  if ((is.hash || '#/') !== Deck.address(slide, group)) {
    // A browser takes so many changes of the address in 10 s; then the last one waits, and comes.
    const late = page.waitForFunction(hash => (location.hash || '#/') === hash, Deck.address(slide, group), { timeout: 12_000 });
    await late.catch(() => {});
    is.hash = (await state(page)).hash;
  }
  const place = `after ${after} at #/${slide.h}/${slide.v}, fragment ${group}`;
  const visible = slide.groups.filter(g => g <= group);
  if (!same(is.present, [n])) problems.push(`${place}: present is slide ${is.present}, not ${n}`);
  else if (!same(is.shown, [n])) problems.push(`${place}: slides ${is.shown} are to be seen`);
  else if (!same(is.visible, visible)) problems.push(`${place}: visible are [${is.visible}], not [${visible}]`);
  else if (!same(is.current, group < 0 ? [] : [group])) problems.push(`${place}: current is [${is.current}]`);
  else if ((is.hash || '#/') !== Deck.address(slide, group)) problems.push(`${place}: the address is ${is.hash}`);
}

export async function walk(deck) {
  const problems = [];
  const page = await deck.page();
  const road = stations(deck);
  for (const station of road) {
    if (station !== road[0]) await page.keyboard.press('Space');
    await compare(page, deck, station, problems, 'space');
  }
  await page.keyboard.press('Space');
  await compare(page, deck, road.at(-1), problems, 'space at the end');
  for (const station of road.slice(0, -1).reverse()) {
    await page.keyboard.press('Shift+Space');
    await compare(page, deck, station, problems, 'shift space');
  }
  await page.keyboard.press('Shift+Space');
  await compare(page, deck, road[0], problems, 'shift space at the start');
  return problems;
}

/** A fragment that is not visible is not to be seen, and takes the same room as when it is. */
export async function fragments(deck) {
  const problems = [];
  const page = await deck.page();
  for (const slide of deck.slides.filter(s => s.groups.length)) {
    await goTo(page, slide);
    const boxes = () => page.evaluate(() => [...document.querySelectorAll('.present:not(.stack) .fragment:not([hidden])')].map(f => {
      const { opacity, visibility } = getComputedStyle(f);
      return { hidden: opacity === '0' || visibility === 'hidden', room: [f.offsetLeft, f.offsetTop, f.offsetWidth], classes: f.className };
    }));
    const before = await boxes();
    await goTo(page, slide, slide.groups.at(-1));
    const after = await boxes();
    const plain = /\b(grow|shrink|strike|custom|fade-out|semi-fade-out|fade-in-then-out|fade-in-then-semi-out|current-visible|highlight-\S+)\b/;
    before.forEach((fragment, i) => {
      const place = `#/${slide.h}/${slide.v}: .${fragment.classes.replaceAll(' ', '.')}`;
      const [variant] = fragment.classes.match(plain) ?? ['fade-in'];
      const starts = !/^(grow|shrink|strike|custom|fade-out|semi-fade-out|highlight-.*)$/.test(variant);
      if (fragment.hidden !== starts) problems.push(`${place} is ${starts ? 'seen' : 'hidden'} from the start`);
      if (variant === 'fade-in' && after[i].hidden) problems.push(`${place} is hidden when it should be seen`);
      if (variant === 'fade-out' && !after[i].hidden) problems.push(`${place} is seen when it should be hidden`);
      if (!same(fragment.room, after[i].room)) problems.push(`${place} moves from ${fragment.room} to ${after[i].room}`);
    });
    const lit = await page.evaluate(() => [...document.querySelectorAll('.present:not(.stack) code')].map(code => ({
      want: [...code.parentNode.querySelectorAll('.code-step')].at(-1)?.dataset.lines,
      on: [...code.querySelectorAll('.line')].flatMap((line, i) => line.classList.contains('hl-on') ? [i + 1] : []),
    })));
    for (const { want, on } of lit.filter(({ want }) => want !== undefined)) {
      const lines = (want.match(/\d+(-\d+)?/g) ?? []).flatMap(range => {
        const [first, last = first] = range.split('-').map(Number);
        return Array.from({ length: last - first + 1 }, (_, i) => first + i);
      });
      if (!same(on, lines)) problems.push(`#/${slide.h}/${slide.v}: lines ${on} are lit, not ${lines}`);
    }
  }
  return problems;
}

export async function keys(deck) {
  const problems = [];
  const page = await deck.page();
  const { slides } = deck;
  const at = (h, v = 0) => slides.findIndex(s => s.h === h && s.v === v);
  const expect = async (n, after) => {
    const { present } = await state(page);
    if (!same(present, [n])) problems.push(`after ${after} slide ${present} is present, not ${n}`);
  };
  const press = async (key, n) => {
    await page.keyboard.press(key);
    await expect(n, key);
  };
  await press('End', slides.length - 1);
  await press('Home', 0);
  if (slides.length > 1 && !slides[0].groups.length) {
    for (const [forth, back] of [['n', 'p'], ['N', 'P'], ['PageDown', 'PageUp']]) {
      await press(forth, 1);
      await press(back, 0);
    }
  }
  const bare = n => !slides[n]?.groups.length;
  const columns = slides.at(-1).h + 1;
  for (let h = 0; h + 1 < columns; h++) {
    if (!bare(at(h)) || !bare(at(h + 1))) continue;
    await goTo(page, slides[at(h)]);
    for (const [forth, back] of [['ArrowRight', 'ArrowLeft'], ['l', 'h']]) {
      await press(forth, at(h + 1));
      await press(back, at(h));
    }
    break;
  }
  const stack = slides.find((s, n) => s.v === 1 && bare(n) && bare(n - 1));
  if (stack) {
    await goTo(page, slides[at(stack.h)]);
    for (const [forth, back] of [['ArrowDown', 'ArrowUp'], ['j', 'k']]) {
      await press(forth, at(stack.h, 1));
      await press(back, at(stack.h));
    }
    // A column that was left in its second row is come back to there.
    if (stack.h > 0 && bare(at(stack.h - 1))) {
      await press('ArrowDown', at(stack.h, 1));
      await page.keyboard.press('ArrowLeft');
      await goTo(page, slides[at(stack.h - 1)]);
      await press('ArrowRight', at(stack.h, 1));
    }
  }
  await page.keyboard.press('Home');
  for (const key of ['b', '.']) {
    await page.keyboard.press(key);
    if (await page.locator('h1, h2, p').first().isVisible()) problems.push(`${key} does not blank the screen`);
    await page.keyboard.press(key);
    if (!await page.locator('.present').last().isVisible()) problems.push(`${key} does not bring the slide back`);
  }
  await page.keyboard.press('?');
  if (!await page.locator('dialog').isVisible()) problems.push('? shows no help');
  await page.keyboard.press('Escape');
  if (await page.locator('dialog').isVisible()) problems.push('Escape leaves the help open');
  if (await page.evaluate(() => Reveal.isOverview())) problems.push('the Escape that closes the help opens the overview');
  return problems;
}

export async function addresses(deck) {
  const problems = [];
  const { slides } = deck;
  const expect = async (page, n, after) => {
    const { present } = await state(page);
    if (!same(present, [n])) problems.push(`${after}: slide ${present} is present, not ${n}`);
  };
  const end = slides.at(-1);
  for (const [n, slide] of slides.entries()) {
    if (n !== slides.length - 1 && n !== slides.length >> 1 && !slide.groups.length && !slide.id) continue;
    const page = await deck.page({ at: `#/${slide.h}/${slide.v}` });
    await expect(page, n, `#/${slide.h}/${slide.v}`);
    if (slide.id) await expect(await deck.page({ at: `#/${encodeURI(slide.id)}` }), n, `#/${slide.id}`);
    if (slide.groups.length) {
      const group = slide.groups.at(-1);
      const deep = await deck.page({ at: `#/${slide.h}/${slide.v}/${group}` });
      await compare(deep, deck, { n, group }, problems, 'opening the address');
    }
    await deck.closePages();
  }
  await expect(await deck.page({ at: '#/99999' }), slides.findIndex(s => s.h === end.h), '#/99999');
  await expect(await deck.page({ at: `#/${end.h}/99999/99999` }), slides.length - 1, 'a row out of range');
  for (const junk of ['#/-1', '#/x/y', '#/%E0%A4%A', '#/1e9/', '#//', '#/0/0/-1', '#nobody', '#/"><b>']) {
    const page = await deck.page({ at: junk });
    const { present } = await state(page);
    if (present.length !== 1) problems.push(`${junk}: ${present.length} slides are present`);
    await deck.closePages();
  }
  if (slides.length > 1) {
    const page = await deck.page();
    await page.keyboard.press('End');
    await expect(page, slides.length - 1, 'End');
    await page.goBack();
    await expect(page, 0, 'back');
    await page.goForward();
    await expect(page, slides.length - 1, 'forward');
    await page.reload();
    await expect(page, slides.length - 1, 'reload');
  }
  return problems;
}

export async function touch(deck) {
  const problems = [];
  const page = await deck.page({ hasTouch: true, isMobile: true, viewport: { width: 390, height: 844 } });
  const client = await page.context().newCDPSession(page);
  const swipe = async (dx, dy) => {
    const at = part => [{ x: 195 + dx * (part - .5), y: 422 + dy * (part - .5) }];
    await client.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: at(0) });
    for (const part of [.3, .6, 1]) await client.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: at(part) });
    await client.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
  };
  const expect = async (n, after) => {
    const { present } = await state(page);
    if (!same(present, [n])) problems.push(`after a swipe ${after} slide ${present} is present, not ${n}`);
  };
  const { slides } = deck;
  const steps = n => slides[n].groups.length;
  const right = slides.findIndex(s => s.h === 1);
  if (right > 0 && right < slides.length) {
    for (let i = 0; i <= steps(0); i++) await swipe(-200, 10);
    await expect(right, 'to the left');
    await swipe(200, -10);
    await expect(0, 'to the right');
  }
  const lower = slides.findIndex((s, n) => s.v === 1 && !steps(n - 1));
  if (lower > 0) {
    await goTo(page, slides[lower - 1]);
    await swipe(5, -250);
    await expect(lower, 'up');
    await swipe(5, 250);
    await expect(lower - 1, 'down');
  }
  await goTo(page, slides[0]);
  await swipe(-20, 5);
  await expect(0, 'that is too short');
  return problems;
}
