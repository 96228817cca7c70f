// Rendered slides: what `.slide:` and `.element` comments do, in which order
// fragments appear, and which lines code steps light up. The elements, their
// attributes and their text are compared with those of reveal.js's
// `convertSlides`, its highlighting and its sorting of fragments.

import { BEHIND_LISTS, CASES, made } from './slides.mjs';
import { fake } from './reveal.mjs';

const SLIDES = 1500;
/** A separator that no slide holds. */
const NEVER = '\u0003';

export async function compareStructure(reveal, ask, rand, fail) {
	const cases = [...CASES];
	while (cases.length < CASES.length + SLIDES) cases.push(made(rand));
	// Up to version 5, what follows a list without a blank line is part of its
	// last item, by a quirk of the Markdown library; version 6 has a rule for it.
	const theirs = {
		'reveal-5': await convert(reveal, 'reveal-5', cases),
		'reveal-6': await convert(reveal, 'reveal-6', [...cases, ...BEHIND_LISTS]),
	};
	cases.push(...BEHIND_LISTS);
	const answers = await ask(cases.map(text => ({ text, render: true, separators: { slide: NEVER } })));
	const document = reveal.dom.window.document;
	const counts = { attributes: 0, fragments: 0, steps: 0 };
	cases.forEach((text, n) => {
		if (answers[n].errors) return fail(`slide ${n}: applgen refuses it`, { text, answer: answers[n] });
		const holder = document.createElement('div');
		holder.innerHTML = answers[n].html;
		if (holder.children.length !== 1) return fail(`slide ${n} is ${holder.children.length} sections`, { text });
		for (const box of holder.querySelectorAll('li > input[type="checkbox"][disabled]'))
			if (!named(box)) fail(`slide ${n}: a box has no name, or a wrong one`, { text, box: box.outerHTML });
		const actual = JSON.stringify(normal(holder.firstElementChild, text), null, 1);
		for (const [version, sections] of Object.entries(theirs)) {
			if (!sections[n]) continue;
			const expected = JSON.stringify(normal(sections[n], text), null, 1);
			if (expected !== actual) fail(`slide ${n} differs from ${version}`, { text, ...firstDifference(expected, actual) });
		}
		counts.attributes += (text.match(/\.(slide:|element)/g) ?? []).length;
		counts.fragments += holder.querySelectorAll('.fragment').length;
		counts.steps += holder.querySelectorAll('.code-step').length;
	});
	console.log(`rendering: ${cases.length} slides, ${counts.attributes} comments with attributes, ${counts.fragments} fragments, ${counts.steps} code steps`);
	if (counts.attributes < SLIDES || counts.fragments < SLIDES / 4 || counts.steps < SLIDES / 20) fail('too little was compared', counts);
}

/**
 * Whether a task's box says what it means. A screen reader needs the name, and
 * reveal.js gives none: it is held here, and taken off before the two are
 * compared.
 */
function named(box) {
	const name = box.getAttribute('aria-label');
	box.removeAttribute('aria-label');
	return name === (box.hasAttribute('checked') ? 'done' : 'to do');
}

/** The sections that reveal.js makes of slides. */
async function convert({ dom, factories, highlight, Fragments }, version, cases) {
	const document = dom.window.document;
	const slides = document.createElement('div');
	slides.className = 'slides';
	for (const text of cases) {
		const section = document.createElement('section');
		section.setAttribute('data-markdown', '');
		section.setAttribute('data-separator', NEVER);
		const script = document.createElement('script');
		script.type = 'text/template';
		script.textContent = text;
		section.append(script);
		slides.append(section);
	}
	const deck = fake(slides);
	await factories[version]().init(deck);
	highlight().init(deck);
	const fragments = new Fragments(deck);
	for (const section of slides.children) fragments.sort(section.querySelectorAll('.fragment'));
	return [...slides.children];
}

/** A tree of what counts, the same for both. */
function normal(element, source) {
	if (element.tagName === 'PRE' && element.querySelector('code')) return code(element);
	const attributes = {};
	for (const { name, value } of [...element.attributes].sort((a, b) => (a.name < b.name ? -1 : 1))) {
		if (/^data-(markdown|separator)/.test(name)) continue;
		// Both make ids of headings, each its own.
		if (name === 'id' && /^H\d$/.test(element.tagName) && !source.includes(`id="${value}"`)) continue;
		if (name === 'style' && /^text-align: \w+$/.test(value)) attributes.align = value.slice(12);
		else attributes[name] = value;
	}
	const children = [];
	for (const child of element.childNodes) {
		if (child.nodeType === 3) {
			const last = children.at(-1);
			if (typeof last === 'string') children[children.length - 1] = last + child.data;
			else children.push(child.data);
		} else if (child.nodeType === 1) children.push(normal(child, source));
	}
	const kept = children.map(child => (typeof child === 'string' ? child.replace(/\s+/g, ' ').trim() : child)).filter(child => child !== '');
	return { tag: element.tagName, attributes, children: kept };
}

/** A code block: its lines, their numbers, and what each step lights up. */
function code(pre) {
	const own = pre.querySelector('code');
	const attributes = {};
	for (const { name, value } of [...pre.attributes].sort((a, b) => (a.name < b.name ? -1 : 1)))
		if (name !== 'class') attributes[name] = value;
	attributes.class = [...pre.classList].filter(name => !['code', 'code-wrapper'].includes(name)).join(' ');
	const block = { tag: 'CODE BLOCK', attributes, first: step(own), steps: [] };
	const numbered = own.hasAttribute('data-line-numbers');
	const lines = numbered && own.querySelectorAll('.line');
	const rows = numbered && own.querySelectorAll('tr');
	if (lines?.length) {
		block.lines = [...lines].map(line => line.textContent.trimEnd());
		block.numbers = [...lines].map(line => line.dataset.n);
	} else if (rows?.length) {
		block.lines = [...rows].map(row => row.cells[1].textContent.trimEnd());
		block.numbers = [...rows].map(row => row.cells[0].dataset.lineNumber);
	} else block.lines = own.textContent.trimEnd().split('\n').map(line => line.trimEnd());
	for (const later of pre.querySelectorAll('code.fragment, .code-step'))
		if (later !== own) block.steps.push({ index: later.dataset.fragmentIndex, ...step(later, block.lines.length) });
	return block;
}

/** The numbers, from 1, of the lines that a step lights up. */
function step(element, count) {
	const on = [];
	if (element.dataset.lines !== undefined) {
		for (const range of element.dataset.lines.split(',')) {
			const [from, to = from] = range.split('-').map(Number);
			for (let line = from; from && line <= to && line <= count; line++) on.push(line);
		}
		on.sort((a, b) => a - b);
	}
	else
		[...element.querySelectorAll('tr, .line')].forEach((line, n) => {
			if (line.matches('.highlight-line, .hl-on')) on.push(n + 1);
		});
	return { on: [...new Set(on)] };
}

/** The lines around the place where two texts part. */
function firstDifference(expected, actual) {
	const a = expected.split('\n');
	const b = actual.split('\n');
	const at = a.findIndex((line, n) => line !== b[n]);
	const around = lines => lines.slice(Math.max(0, at - 4), at + 8).map(line => line.trim()).join(' ');
	return { expected: around(a), actual: around(b) };
}
