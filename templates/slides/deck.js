// What a deck does: reveal.js's DOM, keys and addresses, with nothing to load.
(() => {
	const $ = query => document.querySelector(query);
	const $$ = (query, from = deck) => [...from.querySelectorAll(query)];
	const on = (type, act, target = window) => target.addEventListener(type, act, true);
	const flag = (e, name, value) => e.classList.toggle(name, value);
	const pick = (list, i) => list[Math.max(0, Math.min(i, list.length - 1))];
	const deck = $('.reveal'), is = mode => deck.matches('.' + mode);
	const emit = (type, data) => deck.dispatchEvent(Object.assign(new Event(type, {bubbles: true}),
		{currentSlide: now, indexh: now.h, indexv: now.v}, data));

	// The slides by column and row, and in order.
	$$('[data-visibility=hidden]').forEach(s => s.remove());
	const columns = $$('.slides > section').map(s => s.matches('.stack') ? [...s.children] : [s]).filter(c => c[0]);
	const all = columns.flat(), counted = all.filter(s => s.dataset.visibility !== 'uncounted');
	if (!all.length) return;
	const group = e => +e.dataset.fragmentIndex || 0;
	columns.forEach((column, h) => column.forEach((s, v) => {
		const n = all.indexOf(s), last = Math.max(-1, ...$$('.fragment', s).map(group));
		flag(s, 'slide', true);
		Object.assign(s, {h, v, n, last, role: 'group', ariaLabel: `Slide ${n + 1} of ${all.length}`});
		s.style.cssText += `; --column: ${h}; --row: ${v}`;
		if (/background/.test(Object.keys(s.dataset))) paint(s, s.dataset);
	}));

	// A slide's background, and whether its text is light or dark.
	function paint(s, d) {
		const source = d.backgroundVideo || d.backgroundIframe;
		const layer = document.createElement(d.backgroundVideo ? 'video' : source ? 'iframe' : 'div');
		const backgroundImage = d.backgroundImage ? `url("${d.backgroundImage}")` : d.backgroundGradient;
		Object.assign(layer, {className: 'slide-background', inert: true, tabIndex: -1, muted: true, loop: true, autoplay: true, loading: 'lazy'});
		Object.assign(layer.style, d, {backgroundImage, opacity: d.backgroundOpacity});
		if (source) layer.src = source;
		s.style.backgroundColor = d.backgroundColor;
		s.append(layer);
		const look = getComputedStyle(layer);
		const [, r, g, b] = (look.backgroundColor + look.backgroundImage).match(/rgb\((\d+), (\d+), (\d+)/) || [];
		if (r) flag(s, 3 * r + 6 * g + +b < 1280 ? 'has-dark-background' : 'has-light-background');
	}

	// The present slide, its last visible group of fragments, and each column's last row.
	let now, f = -1;
	const rows = [];

	// Shows a slide up to a group of fragments; without arguments, updates the page.
	function show(s = now, to = s === now ? f : s.n < now?.n ? Infinity : -1) {
		const from = now, before = f, map = is('overview'), every = map || is('print');
		const mark = (e, d) => { flag(e, 'past', d < 0); flag(e, 'present', !d); flag(e, 'future', d > 0); };
		now = s;
		rows[now.h] = now.v;
		mark(now, 0);
		if (map || from !== now && from?.contains(document.activeElement)) now.focus({preventScroll: true});
		for (const s of all) {
			mark(s, s.n - now.n);
			if (s.parentNode.matches('.stack')) mark(s.parentNode, s.h - now.h);
			s.ariaHidden = s !== now && !every;
			s.tabIndex = map ? 0 : -1;
			for (const child of s.children) child.inert = map;
		}

		f = Math.min(to, now.last);
		const fragments = $$('.fragment', now).filter(e => {
			flag(e, 'current-fragment', group(e) === f);
			return e.matches('.visible') !== flag(e, 'visible', group(e) <= f);
		});
		for (const code of $$('code[data-line-numbers]', now)) {
			const step = $$('.code-step.visible', code.parentNode).at(-1);
			const lit = (step ? step.dataset.lines : code.dataset.lineNumbers.split('|')[0]).match(/\d+(-\d+)?/g) || [];
			flag(code, 'has-highlights', lit.length > 0);
			$$('.line', code).forEach((line, i) => flag(line, 'hl-on', lit.some(range => {
				const [first, end = first] = range.split('-');
				return first <= i + 1 && i < end;
			})));
		}

		const [width, height] = is('print') ? [1280, 720] : [deck.clientWidth || 1, deck.clientHeight || 1];
		const w = Math.max(600, 720 * width / height), h = w * height / width;
		deck.style.cssText = `--w: ${w}px; --h: ${h}px; --s: ${width / w}`;
		for (const s of every ? all : [now]) fit(s, h);
		if (map) now.scrollIntoView({block: 'center', inline: 'center'});
		$('.slide-number').textContent = `${counted.indexOf(now) + 1 || '–'} / ${counted.length}`;
		$('.progress').style.scale = `${now.n / (all.length - 1 || 1)} 1`;
		document.body.className = now.dataset.state || '';
		if (from !== now || f !== before) write();
		if (from && from !== now) {
			$$('video, audio', from).forEach(m => m.loop || m.pause());
			$('.status').textContent = `${now.ariaLabel}: ${now.innerText}`;
			emit('slidechanged', {previousSlide: from});
		} else if (from && fragments[0]) {
			if (f > before) $('.status').textContent = fragments.map(e => e.innerText).join(' ');
			emit(f > before ? 'fragmentshown' : 'fragmenthidden', {fragments});
		}
	}

	// The slide's box grows by k, beyond 4 anything may wrap; pictures take what is left.
	function fit(s, height) {
		if (s.fitted === (s.fitted = deck.style.cssText)) return;
		const fits = (k, picture) => {
			flag(s, 'tight', k > 4);
			s.style.setProperty('--k', k);
			s.style.setProperty('--picture', picture + 'px');
			return s.scrollWidth <= s.clientWidth && s.scrollHeight <= s.clientHeight;
		};
		let k = 1, picture;
		for (const img of $$('img', s)) img.style.setProperty('--ratio', img.naturalWidth / img.naturalHeight || 1);
		flag(s, 'fitting', true);
		while (!fits(k, .3 * height) && k < 16) k *= 1.04;
		for (picture = k * height; !fits(k, picture) && picture > .3 * height;) picture *= .97;
		flag(s, 'fitting', false);
	}

	// Addresses: #/h/v/f or #/id. Browsers take 200 changes in 10 s; beyond 100, wait.
	let changes = 0, late, written;
	setInterval(() => { changes = 0; if (late) write(); }, 10000);
	function write() {
		const address = '#/' + [now.h, now.v, f].slice(0, f >= 0 ? 3 : now.v ? 2 : now.h ? 1 : 0).join('/');
		late = (location.hash || '#/') !== address;
		if (late && changes++ < 100) {
			history[written === now ? 'replaceState' : 'pushState'](null, '', address);
			late = false;
		}
		written = now;
	}
	function read() {
		const [, h, v, to] = location.hash.match(/^#\/(\d+)\/?(\d*)\/?(\d*)$/) || [];
		const id = location.hash.replace(/^#\/?/, '');
		const target = $$('[id]').find(e => [e.id, encodeURI(e.id)].includes(id))?.closest('section');
		written = target ? all.find(s => target.contains(s)) : at(+h || 0, +v || 0);
		show(written, +(to || -1));
	}

	// One step in a direction: a fragment if there is one, else a slide.
	const at = (h, v = rows[h] ?? 0) => pick(pick(columns, h), v);
	const move = (by, s) => !is('overview') && f + by >= -1 && f + by <= now.last ? show(now, f + by) : show(s);
	const next = () => move(1, all[now.n + 1]);
	const prev = () => move(-1, all[now.n - 1]);
	const left = () => move(-1, at(now.h - 1));
	const right = () => move(1, at(now.h + 1));
	const up = () => move(-1, at(now.h, now.v - 1));
	const down = () => move(1, at(now.h, now.v + 1));
	const mode = (name, value) => { flag(deck, name, value); show(); };
	const toggleOverview = () => mode('overview'), togglePause = () => mode('paused');
	const fullScreen = () => document.fullscreenElement ? document.exitFullscreen() : document.body.requestFullscreen();

	const keys = {
		' ': next, n: next, pagedown: next, p: prev, pageup: prev, home: () => show(all[0]), end: () => show(all.at(-1)),
		arrowleft: left, h: left, arrowright: right, l: right, arrowup: up, k: up, arrowdown: down, j: down,
		escape: toggleOverview, o: toggleOverview, b: togglePause, '.': togglePause, f: fullScreen, '?': () => $('dialog').showModal(),
	};
	on('keydown', e => {
		const space = e.key === ' ', act = e.key === 'Enter' && is('overview') ? toggleOverview : keys[e.key.toLowerCase()];
		if (e.target.closest('input, textarea, select, video, audio, dialog, [contenteditable]')) return;
		if (!act || e.ctrlKey || e.altKey || e.metaKey || space && e.target.closest('button, summary')) return;
		e.preventDefault();
		if (is('paused')) togglePause();
		else if (space && e.shiftKey) prev();
		else act();
	});
	on('click', ({target, detail}) => {
		const button = {prev, next, 'slide-number': toggleOverview}[target.className];
		if (is('paused')) togglePause();
		else if (button) button();
		else if (is('overview')) {
			show(target.closest('section') ?? now);
			toggleOverview();
		}
		if (button && detail) target.blur();
	});
	let start;
	on('touchstart', e => start = e.touches.length < 2 && e.touches[0]);
	on('touchend', ({changedTouches: [end]}) => {
		const x = end.clientX - start.clientX, y = end.clientY - start.clientY, flat = Math.abs(x) > Math.abs(y);
		if (!is('overview') && Math.hypot(x, y) > 40) (flat ? x < 0 ? right : left : y < 0 ? down : up)();
	});

	// What changes a slide's room, or its content's.
	const layout = () => { all.forEach(s => s.fitted = ''); show(); };
	for (const type of ['load', 'loadedmetadata', 'toggle']) on(type, layout, deck);
	document.fonts.ready.then(layout);
	const paper = location.search.includes('print-pdf');
	on('resize', () => show());
	on('beforeprint', () => mode('print', true));
	on('afterprint', () => mode('print', paper));
	on('hashchange', read);
	flag(deck, 'ready');
	flag(deck, 'print', paper);
	read();

	window.Reveal = {
		next, prev, left, right, up, down, toggleOverview, togglePause,
		slide: (h, v, f) => show(at(h ?? now.h, v), f),
		getIndices: () => ({h: now.h, v: now.v, f}), getTotalSlides: () => counted.length,
		getCurrentSlide: () => now, isOverview: () => is('overview'), isReady: () => true,
		on: (type, act) => on(type, act, deck),
	};
	setTimeout(() => emit('ready'));
})();
