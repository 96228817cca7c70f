// reveal.js's own code, loaded from its packages into a document of jsdom.

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const MARKDOWN = {
	'reveal-4': 'plugin/markdown/markdown.esm.js',
	'reveal-5': 'plugin/markdown/markdown.esm.js',
	'reveal-6': 'dist/plugin/markdown.mjs',
};

/** The defaults that a version splits with, where it is given none. */
export const VERSIONS = Object.keys(MARKDOWN);

/** Everything of reveal.js that decks are held against. */
export async function load(cache) {
	const { JSDOM } = createRequire(join(cache, 'package.json'))('jsdom');
	const dom = new JSDOM('<!doctype html><div class="reveal"><div class="slides"></div></div>');
	for (const name of ['window', 'document', 'Node', 'DOMParser', 'HTMLElement', 'XMLHttpRequest'])
		globalThis[name] = name === 'window' ? dom.window : dom.window[name];

	const plugins = {};
	const factories = {};
	for (const version of VERSIONS) {
		factories[version] = (await module(cache, version, MARKDOWN[version])).default;
		plugins[version] = factories[version]();
		// Version 6 has no Markdown library before it is started.
		await plugins[version].init(fake(dom.window.document.createElement('div')));
	}
	const highlight = (await module(cache, 'reveal-5', 'plugin/highlight/highlight.esm.js')).default;
	const Fragments = await fragments(cache);
	return { dom, plugins, factories, highlight, Fragments };
}

/** As much of a deck as the plugins ask for. */
export function fake(element, config = {}) {
	return { getRevealElement: () => element, getConfig: () => config, on() {} };
}

/** ES modules in packages that call themselves CommonJS: by another ending. */
async function module(cache, version, path) {
	const from = join(cache, 'node_modules', version, path);
	if (path.endsWith('.mjs')) return import(pathToFileURL(from));
	const to = join(cache, 'modules', `${version}-${path.replaceAll('/', '-')}`.replace(/\.js$/, '.mjs'));
	mkdirSync(join(cache, 'modules'), { recursive: true });
	copyFileSync(from, to);
	return import(pathToFileURL(to));
}

/** The class that sorts fragments; its one import has no part in that. */
async function fragments(cache) {
	const source = readFileSync(join(cache, 'node_modules/reveal-5/js/controllers/fragments.js'), 'utf8');
	const to = join(cache, 'modules', 'fragments.mjs');
	writeFileSync(to, source.replace(/^import .*$/m, ''));
	return (await import(pathToFileURL(to))).default;
}

/** `slidify`'s HTML, taken apart: columns of slides, each as `{stack, slides: [text]}`. */
export function columns(html) {
	const single = '<section  data-markdown><script type="text/template">';
	const stack = '<section >';
	const inner = '<section data-markdown><script type="text/template">';
	const end = '</script></section>';
	const found = [];
	let at = 0;
	const take = prefix => {
		if (!html.startsWith(prefix, at)) return false;
		at += prefix.length;
		return true;
	};
	const content = () => {
		const close = html.indexOf(end, at);
		const text = html.slice(at, close);
		at = close + end.length;
		return text;
	};
	while (at < html.length) {
		if (take(single)) found.push({ stack: false, slides: [content()] });
		else if (take(stack)) {
			const slides = [];
			while (take(inner)) slides.push(content());
			if (!take('</section>')) throw new Error(`a stack without an end: ${html.slice(at, at + 80)}`);
			found.push({ stack: true, slides });
		} else throw new Error(`neither slide nor stack: ${html.slice(at, at + 80)}`);
	}
	return found;
}
