// What `applgen serve` adds to a page: it loads again when it has changed, where
// it was; styles change in place; what keeps the site from being built is shown.
(() => {
	const own = document.currentScript, page = location.pathname, key = 'applgen serve ' + page;
	if (window !== top || !own) return;
	let source, shown, moved = false;

	// Where the page was, until somebody moves it. A deck's slide is in its address.
	const kept = sessionStorage.getItem(key);
	sessionStorage.removeItem(key);
	if (kept) {
		const [left, top] = JSON.parse(kept);
		const back = () => moved || scrollTo({left, top, behavior: 'instant'});
		for (const type of ['wheel', 'touchstart', 'keydown', 'pointerdown'])
			addEventListener(type, () => moved = true, {once: true, passive: true, capture: true});
		if (document.readyState === 'loading') addEventListener('DOMContentLoaded', back);
		else back();
		addEventListener('load', back);
	}

	function reload() {
		if (scrollX || scrollY) sessionStorage.setItem(key, JSON.stringify([scrollX, scrollY]));
		close();
		location.reload();
	}

	function style() {
		for (const old of document.querySelectorAll('link[rel~=stylesheet]')) {
			const url = new URL(old.href, location);
			if (url.origin !== location.origin) continue;
			url.searchParams.set('applgen', Date.now());
			const link = old.cloneNode();
			link.href = url;
			link.onload = link.onerror = () => old.remove();
			old.after(link);
		}
	}

	// Over the page, out of reach of its styles; text, never HTML.
	function fault(text) {
		shown?.remove();
		shown = undefined;
		if (!text) return;
		shown = document.createElement('applgen-fault');
		const root = shown.attachShadow({mode: 'open'}), sheet = new CSSStyleSheet();
		sheet.replaceSync(`
			:host { all: initial; position: fixed; inset: auto 0 0; z-index: 2147483647; max-height: 75vh; overflow: auto;
				background: #1d1f24; color: #f3f3f3; border-top: 4px solid #ff6b5e; font: 15px/1.5 system-ui, sans-serif; }
			div { padding: 1rem 1.25rem; } h1 { font-size: 1rem; margin: 0 4rem .75rem 0; }
			pre { font: 13px/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; }
			button { position: absolute; top: .75rem; right: 1rem; font: inherit; color: inherit; background: #3a3d45;
				border: 1px solid #777; border-radius: 4px; padding: .1rem .6rem; cursor: pointer; }`);
		root.adoptedStyleSheets = [sheet];
		const add = (name, text, to) => to.appendChild(Object.assign(document.createElement(name), {textContent: text}));
		const box = add('div', '', root);
		box.setAttribute('role', 'alert');
		add('h1', 'The site cannot be built; this is the page as it last was', box);
		add('pre', text, box);
		add('button', 'Hide', box).onclick = () => fault();
		document.documentElement.append(shown);
	}

	function close() {
		source?.close();
		source = undefined;
	}

	// A page that nobody sees holds no connection: a browser has six of them for a host.
	function open() {
		if (source || document.hidden) return;
		source = new EventSource(`/.applgen/live?tag=${own.dataset.tag}&page=${encodeURIComponent(page)}`);
		source.addEventListener('reload', reload);
		source.addEventListener('style', style);
		source.addEventListener('fault', event => own.dataset.tag === 'fault' ? reload() : fault(JSON.parse(event.data)));
		source.addEventListener('fine', () => fault());
	}
	document.addEventListener('visibilitychange', () => document.hidden ? close() : open());
	addEventListener('pagehide', close);
	addEventListener('pageshow', open);
	open();
})();
