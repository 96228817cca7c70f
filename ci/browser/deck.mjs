// A deck as the checks see it: what its HTML holds, read with scripts off, and pages that show it.

/** Sizes that no slide may overflow: a projector and a telephone. */
export const SIZES = [{ width: 1280, height: 720 }, { width: 390, height: 844 }];

export class Deck {
  #pages = [];
  #complaints = [];

  static async open(browser, url, options) {
    const deck = new Deck();
    Object.assign(deck, { browser, url, ...options });
    const page = await deck.page({ javaScriptEnabled: false });
    deck.html = await page.content();
    deck.model = await page.evaluate(readModel);
    deck.slides = deck.model.slides;
    await deck.closePages();
    return deck;
  }

  /** A fresh page of the deck, with whatever it complains of collected. */
  async page({ at = '', query = '', prepare, ...options } = {}) {
    const context = await this.browser.newContext({ viewport: SIZES[0], reducedMotion: 'reduce', ...options });
    const page = await context.newPage();
    this.#pages.push(context);
    const known = url => this.missing.some(name => decodeURI(new URL(url).pathname).endsWith(name));
    const complain = text => this.#complaints.push(text);
    page.on('console', message => {
      const { url } = message.location();
      if (!['error', 'warning'].includes(message.type()) || url && known(url)) return;
      complain(`console ${message.type()}: ${message.text()} ${url}`);
    });
    page.on('pageerror', error => complain(`exception: ${error.message}`));
    page.on('requestfailed', request => {
      const { errorText } = request.failure();
      if (errorText !== 'net::ERR_ABORTED') complain(`request failed: ${request.url()} ${errorText}`);
    });
    page.on('response', response => {
      if (response.status() >= 400 && !known(response.url())) complain(`status ${response.status()}: ${response.url()}`);
    });
    await prepare?.(page);
    await page.goto(this.url + query + at, { waitUntil: 'load' });
    return page;
  }

  /** What pages have complained of since this was last asked. */
  takeComplaints() {
    return [...new Set(this.#complaints.splice(0))];
  }

  async closePages() {
    for (const context of this.#pages.splice(0)) await context.close();
  }

  /** `#/h/v` as reveal.js spells it. */
  static address({ h, v }, group = -1) {
    return '#/' + (group >= 0 ? [h, v, group] : v ? [h, v] : h ? [h] : []).join('/');
  }
}

/** Moves a page to a slide by its address, and waits for the script to follow. */
export async function goTo(page, slide, group) {
  await page.evaluate(hash => {
    if (location.hash === hash) return;
    return new Promise(done => {
      addEventListener('hashchange', () => done(), { once: true });
      location.hash = hash;
    });
  }, group === undefined ? `#/${slide.h}/${slide.v}` : `#/${slide.h}/${slide.v}/${group}`);
}

/** Where a page is: the present slide's place by document order, and its fragments. */
export function state(page) {
  return page.evaluate(() => {
    const leaves = [...document.querySelectorAll('.slides section')].filter(s => !s.querySelector('section'));
    const present = leaves.filter(s => s.classList.contains('present'));
    const shown = leaves.filter(s => s.checkVisibility());
    const fragments = present.length ? [...present[0].querySelectorAll('.fragment')] : [];
    return {
      present: present.map(s => leaves.indexOf(s)),
      shown: shown.map(s => leaves.indexOf(s)),
      visible: [...new Set(fragments.filter(f => f.classList.contains('visible')).map(f => +f.dataset.fragmentIndex))].sort((a, b) => a - b),
      current: [...new Set(fragments.filter(f => f.classList.contains('current-fragment')).map(f => +f.dataset.fragmentIndex))],
      hash: location.hash,
    };
  });
}

/** Runs in the page, scripts off: the slides in order, each with its text, its groups of fragments, its pictures. */
function readModel() {
  const slides = [];
  const columns = document.querySelectorAll('.slides > section:not([data-visibility=hidden])');
  [...columns].forEach((column, h) => {
    const inner = [...column.children].filter(e => e.tagName === 'SECTION' && e.dataset.visibility !== 'hidden');
    (inner.length ? inner : [column]).forEach((slide, v) => {
      const groups = [...slide.querySelectorAll('.fragment')].map(f => +f.dataset.fragmentIndex);
      const text = slide.cloneNode(true);
      text.querySelectorAll('.notes, script, style').forEach(e => e.remove());
      slides.push({
        h, v,
        id: slide.id,
        groups: [...new Set(groups)].sort((a, b) => a - b),
        text: text.textContent.replace(/\s+/g, ' ').trim(),
        title: slide.querySelector('h1, h2, h3')?.textContent.trim() ?? '',
        steps: slide.querySelectorAll('.code-step').length,
        pictures: [...slide.querySelectorAll('img')].map(i => i.src),
      });
    });
  });
  return { slides };
}
