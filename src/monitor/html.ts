import { gzipSync } from 'node:zlib';
import { answerHeaders, hash } from '../page/security-headers.ts';
import { escapeHtml } from '../page/page.ts';
import { script, style } from './assets.ts';

export interface MonitorPage {
  html: Buffer;
  headers: readonly string[];
  /** `html` compressed, to about a third of its size. */
  gzipped: Buffer;
}

/** Addresses that the page uses. `bridge` is a path if the bridge shares the page's port, else a URL. */
export interface MonitorPlaces {
  path: string;
  bridge: string;
}

const icon =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='4' fill='%233a5fa8'/%3E%3Cpath d='M3 9h2l2-5 2 8 2-5h2' fill='none' stroke='%23fff' stroke-width='1.5'/%3E%3C/svg%3E";

const body = `<a class="skip" href="#events">Skip to the events</a>
<header>
<h1 id="name">Sign-ins</h1>
<p id="status" class="status" role="status">Starting</p>
<ul id="facts" class="soft" aria-label="The service" hidden></ul>
</header>
<main>
<noscript><p class="notice">This page needs JavaScript to connect.</p></noscript>
<form id="locked" class="notice" hidden>
<p id="why" role="alert"></p>
<p><label for="token">Token with the role <code>monitor</code></label>
<input id="token" type="password" autocomplete="off" spellcheck="false" required> <button>Connect</button></p>
</form>
<p id="store-unavailable" class="notice bad" role="alert" hidden>The store cannot be reached: no sign-in can begin or end.</p>
<section aria-labelledby="success">
<h2 id="success">Do people succeed?</h2>
<p id="success-rate"></p>
<p class="soft small">Sign-ins that have ended: in the last five minutes, and since the service was started.</p>
<dl id="outcomes"></dl>
</section>
<section aria-labelledby="waiting-heading">
<h2 id="waiting-heading">What waits now</h2>
<p id="waiting-more" class="soft small"></p>
<div id="waiting-scroll" class="scroll" role="region" aria-label="Sign-ins that wait" tabindex="0" hidden><ul id="waiting-flows" class="flows"></ul></div>
</section>
<section aria-labelledby="now">
<h2 id="now">Waiting and redirects</h2>
<dl id="tallies"></dl>
<p id="refusals" class="soft"></p>
</section>
<section class="charts" aria-labelledby="rates">
<h2 id="rates">The last five minutes</h2>
<figure class="wide"><figcaption><div><span id="outcomes-name">Sign-ins per ten seconds</span> <span class="key good">succeeded</span> <span class="key warn">denied</span> <span class="key bad">failed</span> <span class="key wait">expired</span> <span class="key">cancelled</span></div><span class="told" id="outcomes-told"></span></figcaption><div id="outcomes-chart" role="img" aria-labelledby="outcomes-name outcomes-told" aria-describedby="as-table"></div></figure>
<figure><figcaption><div><span id="rate-name">Redirects per second</span> <span class="key good">accepted</span> <span class="key bad">refused</span></div><span class="told" id="rate"></span></figcaption><div id="rate-chart" role="img" aria-labelledby="rate-name rate" aria-describedby="as-table"></div></figure>
<figure><figcaption><div><span id="wait-name">Waiting time</span> <span class="key wait">median</span> <span class="key warn">longest</span></div><span class="told" id="wait"></span></figcaption><div id="wait-chart" role="img" aria-labelledby="wait-name wait" aria-describedby="as-table"></div></figure>
<details id="numbers">
<summary id="as-table">The charts as a table</summary>
<div class="scroll" role="region" aria-label="The charts as a table" tabindex="0">
<table><caption class="soft">Ten seconds per row, latest first; rows without events are left out.</caption>
<thead><tr><th scope="col">From</th><th scope="col">Succeeded</th><th scope="col">Denied</th><th scope="col">Failed</th><th scope="col">Expired</th><th scope="col">Cancelled</th><th scope="col">Accepted</th><th scope="col">Refused</th><th scope="col">Median wait</th><th scope="col">Longest wait</th></tr></thead>
<tbody id="spans"></tbody></table>
<p id="no-spans" class="soft">Nothing yet.</p>
</div>
</details>
</section>
<section id="events" aria-labelledby="events-heading" tabindex="-1">
<h2 id="events-heading">Events</h2>
<div class="tools">
<label for="kind">Show</label>
<select id="kind"></select>
<label for="filter">Filter</label>
<input id="filter" type="search" spellcheck="false" autocomplete="off" placeholder="flow, reason, error" aria-controls="rows" aria-keyshortcuts="/" title="/ goes here">
<button id="pause" type="button" aria-pressed="false" aria-keyshortcuts="p" title="p pauses">Pause</button>
<button id="save" type="button">Save as JSON lines</button>
</div>
<p id="shown" class="soft"></p>
<div class="scroll" role="region" aria-label="Table of events" tabindex="0">
<table><thead><tr><th scope="col">Time</th><th scope="col">Event</th><th scope="col">Flow</th><th scope="col">Detail</th></tr></thead>
<tbody id="rows"></tbody></table>
</div>
</section>
</main>
<dialog id="flow" aria-labelledby="flow-heading">
<h2 id="flow-heading">Sign-in</h2>
<p><code id="flow-id"></code> <button id="flow-copy" type="button">Copy</button> <span id="flow-copied" class="soft small" role="status"></span></p>
<p id="flow-what" class="soft"></p>
<ol id="flow-events" class="flows"></ol>
<p id="flow-told" class="soft small"></p>
<p><button id="flow-close" type="button">Close</button></p>
</dialog>`;

let made: (MonitorPage & MonitorPlaces) | undefined;

/**
 * Returns the page. It contains its script and style, which the security headers allow by their hashes. The headers permit
 * connections to its own server and to the bridge only.
 */
export function monitorPage({ path, bridge }: MonitorPlaces): MonitorPage {
  if (made?.path === path && made.bridge === bridge) return made;
  const html = `<!doctype html>
<html lang="en" data-path="${escapeHtml(path)}" data-bridge="${escapeHtml(bridge)}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark">
<title>Sign-ins</title><link rel="icon" href="${icon}"><style>${style}</style></head>
<body>${body}<script>${inline(script)}</script></body></html>
`;
  const elsewhere = bridge.startsWith('/') ? '' : ` ${bridge}`;
  const headers = answerHeaders('text/html; charset=utf-8', [
    `script-src ${hash(inline(script))}`,
    `style-src ${hash(style)}`,
    `connect-src 'self'${elsewhere}`,
    'img-src data:',
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ]);
  made = { path, bridge, html: Buffer.from(html), headers, gzipped: gzipSync(html) };
  return made;
}

/** Escapes a script, so that no text in it ends the `script` element. */
function inline(text: string): string {
  return text.replaceAll('</', '<\\/').replaceAll('<!--', '<\\!--');
}
