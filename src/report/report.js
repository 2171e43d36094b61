'use strict';
// The list and the details of concepts, built on demand from the JSON in the page. All that comes from there becomes text nodes.
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const all = data.concepts;
  const byId = new Map(all.map((concept, place) => [concept.concept, place]));
  const LEVELS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_';
  const ROW = 52;
  const SVG = 'http://www.w3.org/2000/svg';
  const $ = (id) => document.getElementById(id);

  /** An element with attributes and children; strings become text. */
  function el(name, attributes, ...children) {
    const svg = /^(svg|path|circle|text)$/.test(name);
    const made = svg ? document.createElementNS(SVG, name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes ?? {})) if (value != null && value !== false) made.setAttribute(key, value);
    made.append(...children.flat().filter((child) => child != null && child !== ''));
    return made;
  }
  const count = (value) => value.toLocaleString('en');
  function number(value) {
    const size = Math.abs(value);
    const digits = size >= 1000 ? 0 : size >= 10 ? 1 : 2;
    const text = value === 0 ? '0' : size >= 1e6 || size < 0.01 ? value.toExponential(2) : value.toFixed(digits);
    return text.replaceAll('-', '−');
  }
  const name = (pole) => (pole ? pole.label ?? (pole.inputs ?? []).slice(0, 3).map(([text]) => `‘${text.trim()}’`).join(', ') : '');
  const peak = (concept) => (concept.peak ? concept.peak.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0) : null);
  const score = (concept) => Math.max(concept.positive.score ?? -1, concept.negative?.score ?? -1);
  const fires = (concept) => (concept.fires ? concept.fires[0] + (concept.negative ? concept.fires[1] : 0) : null);
  const percent = (value) => (value == null ? '' : value >= 10 ? `${value.toFixed(0)} %` : `${value.toPrecision(2)} %`);
  const heat = (share) => {
    const step = Math.min(9, Math.ceil(Math.abs(share) * 9 - 0.5));
    return step < 1 ? '' : (share < 0 ? 'n' : 'p') + step;
  };

  // --- The list ---------------------------------------------------------------------------------------------------
  const columns = {
    id: { of: (concept) => concept.concept, down: false },
    name: { of: (concept) => name(concept.positive).toLowerCase(), down: false },
    score: { of: score, down: true },
    peak: { of: (concept) => Math.abs(peak(concept) ?? concept.scale), down: true },
    fires: { of: (concept) => fires(concept) ?? -1, down: true },
  };
  const scroll = $('scroll');
  const body = $('rows');
  let shown = all.map((_, place) => place);
  let order = null;
  let selected = -1;
  let words = null;
  let drawn = '';

  const wordsOf = (concept) =>
    [concept.concept, concept.positive, concept.negative]
      .map((part) => (typeof part === 'object' ? [part.label, ...(part.inputs ?? []).map(([text]) => text)].join('\n') : part))
      .join('\n')
      .toLowerCase();

  function refresh() {
    const query = $('search').value.trim().toLowerCase();
    const kept = $('filter').value;
    if (query) words ??= all.map(wordsOf);
    const fits = {
      all: () => true,
      labelled: (concept) => concept.positive.label ?? concept.negative?.label,
      unlabelled: (concept) => !(concept.positive.label ?? concept.negative?.label),
      good: (concept) => score(concept) >= 0.8,
      dead: (concept) => !concept.positive.inputs && !concept.negative,
    }[kept];
    const exact = /^#?\d+$/.test(query) ? Number(query.replace('#', '')) : null;
    shown = [];
    all.forEach((concept, place) => {
      if (fits(concept) && (!query || words[place].includes(query) || concept.concept === exact)) shown.push(place);
    });
    if (order) {
      const of = columns[order.column].of;
      const keys = new Map(shown.map((place) => [place, of(all[place])]));
      const sign = order.down ? -1 : 1;
      shown.sort((a, b) => {
        const [left, right] = [keys.get(a), keys.get(b)];
        return left < right ? -sign : left > right ? sign : a - b;
      });
    }
    for (const head of document.querySelectorAll('#grid th[data-column]')) {
      const sorted = order?.column === head.dataset.column;
      head.setAttribute('aria-sort', sorted ? (order.down ? 'descending' : 'ascending') : 'none');
    }
    $('grid').setAttribute('aria-rowcount', shown.length + 1);
    const some = shown.length === all.length ? '' : `${count(shown.length)} of `;
    $('found').textContent = `${some}${count(all.length)} concepts`;
    drawn = '';
    scroll.scrollTop = 0;
    draw();
  }

  function row(place, index) {
    const concept = all[place];
    const against = name(concept.negative);
    const strongest = peak(concept);
    const made = el(
      'tr',
      {
        class: 'c', 'aria-rowindex': index + 2, 'aria-selected': String(place === selected), tabindex: place === selected ? 0 : -1,
        'data-place': place,
      },
      el('th', { scope: 'row', class: 'num' }, String(concept.concept)),
      el(
        'td',
        {},
        el('span', { class: 'one', dir: 'auto' }, name(concept.positive) || (concept.negative || !data.described ? '—' : 'dead on these texts')),
        against ? el('span', { class: 'one other', dir: 'auto' }, against) : null,
      ),
      data.scored ? el('td', { class: 'num' }, score(concept) < 0 ? '' : score(concept).toFixed(2)) : null,
      el('td', { class: 'num col-peak' }, strongest == null ? number(concept.scale) : number(strongest)),
      el('td', { class: 'num col-fires' }, percent(fires(concept))),
    );
    return made;
  }

  /** Only the rows that can be seen are there; two empty ones are as high as the others. */
  function draw() {
    const first = Math.max(0, Math.floor(scroll.scrollTop / ROW) - 8);
    const last = Math.min(shown.length, Math.ceil((scroll.scrollTop + scroll.clientHeight) / ROW) + 8);
    const key = `${first} ${last} ${selected}`;
    if (key === drawn) return;
    drawn = key;
    const focused = body.contains(document.activeElement) ? document.activeElement.dataset.place : null;
    const space = (rows) => {
      const cell = el('td', { class: 'gap' });
      cell.style.height = `${rows * ROW}px`;
      return el('tr', { 'aria-hidden': 'true' }, cell);
    };
    const rows = shown.slice(first, last).map((place, index) => row(place, first + index));
    body.replaceChildren(...(first ? [space(first)] : []), ...rows, ...(last < shown.length ? [space(shown.length - last)] : []));
    if (focused != null) body.querySelector(`[data-place="${focused}"]`)?.focus({ preventScroll: true });
    if (selected < 0 || !body.querySelector('[tabindex="0"]')) body.querySelector('tr.c')?.setAttribute('tabindex', '0');
  }

  function reveal(index) {
    const head = $('grid').tHead.offsetHeight;
    if (index * ROW < scroll.scrollTop) scroll.scrollTop = index * ROW;
    const below = (index + 1) * ROW + head - scroll.clientHeight;
    if (below > scroll.scrollTop) scroll.scrollTop = below;
  }

  function select(place, { focus = false, address = true } = {}) {
    if (!(place >= 0 && place < all.length)) return;
    selected = place;
    const index = shown.indexOf(place);
    if (index >= 0) reveal(index);
    draw();
    if (focus) body.querySelector(`[data-place="${place}"]`)?.focus({ preventScroll: true });
    show(all[place]);
    if (address) {
      // A page inside another one may not have an address of its own.
      try { history.replaceState(null, '', `#c${all[place].concept}`); } catch { /* it stays as it is */ }
    }
  }

  function step(by) {
    if (!shown.length) return;
    const index = shown.indexOf(selected);
    select(shown[index < 0 ? 0 : Math.min(shown.length - 1, Math.max(0, index + by))], { focus: true });
  }

  // --- The details -------------------------------------------------------------------------------------------------
  function histogram([low, high, counts]) {
    const [width, height] = [320, 72];
    const most = Math.max(...counts);
    const step = (high - low) / counts.length;
    const bar = width / counts.length;
    const paths = { n: '', p: '' };
    counts.forEach((rows, at) => {
      if (!rows) return;
      const tall = (height * Math.log(rows + 1)) / Math.log(most + 1);
      const [x, y, wide] = [at * bar, tall, bar - 1].map((value) => value.toFixed(1));
      paths[low + (at + 0.5) * step >= 0 ? 'p' : 'n'] += `M${x} ${height}v-${y}h${wide}v${y}z`;
    });
    const zero = low < 0 && high > 0 ? (width * -low) / (high - low) : null;
    const total = counts.reduce((sum, rows) => sum + rows, 0);
    const says = `Histogram of activations from ${number(low)} to ${number(high)}, ${count(total)} rows`;
    const made = el(
      'svg',
      { class: 'hist', viewBox: `0 0 ${width} ${height + 16}`, role: 'img', 'aria-label': says },
      el('path', { class: 'n', d: paths.n }),
      el('path', { class: 'p', d: paths.p }),
      zero == null ? null : el('path', { class: 'axis', d: `M${zero.toFixed(1)} 0V${height}` }),
      el('text', { x: 0, y: height + 13 }, number(low)),
      zero > 30 && zero < 290 ? el('text', { x: zero.toFixed(1), y: height + 13, 'text-anchor': 'middle' }, '0') : null,
      el('text', { x: width, y: height + 13, 'text-anchor': 'end' }, number(high)),
    );
    return made;
  }

  function passage(concept, [window, peakAt, activation, levels]) {
    let unit = 0;
    const parts = data.windows[window].map((piece) => {
      if (piece === 0) return ' ';
      if (Array.isArray(piece)) return piece[0];
      const share = (LEVELS.indexOf(levels[unit]) - 31) / 31;
      const isPeak = unit++ === peakAt;
      const shade = heat(share);
      if (!shade && !isPeak) return piece;
      const word = piece.trimStart() || piece;
      const title = `about ${number(share * concept.scale)}`;
      return [piece.slice(0, piece.length - word.length), el(isPeak ? 'mark' : 'span', { class: `u ${shade}`, title }, word)];
    });
    return el('li', { class: 'passage', dir: 'auto' }, parts.flat(), ' ', el('span', { class: 'num' }, number(activation)));
  }

  function poleOf(concept, key) {
    const pole = concept[key];
    if (!pole || (!pole.inputs && !pole.label && !pole.passages && !pole.error)) return null;
    const [right, exciting, quietRight, quiet] = pole.judged ?? [];
    const judged = `${right} of ${exciting} exciting and ${quietRight} of ${quiet} quiet passages judged rightly.`;
    const input = ([text, activation]) =>
      el('li', {},
        el('bdi', { class: `unit ${heat(activation / concept.scale)}` }, text),
        el('span', { class: 'num' }, number(activation)));
    const passages = (pole.passages ?? []).map((found) => passage(concept, found));
    return el(
      'section',
      { class: `pole ${key === 'negative' ? 'neg' : 'posi'}` },
      el('h4', {}, key === 'negative' ? 'Negative pole' : 'Positive pole'),
      pole.label ? el('p', { class: 'label', dir: 'auto' }, pole.label) : null,
      pole.score == null ? null : el('p', { class: 'soft' }, `Score ${pole.score.toFixed(2)}: ${judged}`),
      pole.error ? el('p', { class: 'soft', dir: 'auto' }, pole.error) : null,
      pole.inputs
        ? el('ol', { class: 'inputs', 'aria-label': 'Strongest inputs' }, pole.inputs.map(input))
        : null,
      passages.length ? el('ol', { class: 'passages', 'aria-label': 'Passages' }, passages) : null,
    );
  }

  const link = (concept, text) => el('a', { href: `#c${concept}` }, text);

  function show(concept) {
    const stats = [];
    const add = (term, value) => value !== '' && value != null && stats.push(el('div', {}, el('dt', {}, term), el('dd', {}, value)));
    const sd = (value) => `${number(value)} SD`;
    if (concept.peak) add('Strongest activations', concept.peak.filter((value) => value !== 0).map(sd).join(' and '));
    if (concept.fires) {
      const [above, below] = concept.fires;
      add('Fires on', `${percent(above)} of rows${below > 0 ? `, negatively on ${percent(below)}` : ''}`);
    }
    if (concept.moments) add('Mean and SD', `${number(concept.moments[0])}, ${number(concept.moments[1])}`);
    data.measures.forEach((measure, at) => concept.measures && add(measure, number(concept.measures[at])));
    const near = (concept.near ?? []).map(([other, cosine]) => {
      const { positive, negative } = all[byId.get(other)] ?? {};
      const called = `${other} ${name(positive) || name(negative)}`.slice(0, 60);
      return el('li', {}, link(other, called), ' ', el('span', { class: 'soft' }, cosine.toFixed(2).replace('-', '−')));
    });
    const poles = [poleOf(concept, 'positive'), poleOf(concept, 'negative')].filter(Boolean);
    $('detail').replaceChildren(
      el('div', { class: 'head' },
        el('h3', { id: 'detail-title', tabindex: -1 }, `Concept ${concept.concept}`),
        el('a', { href: '#concepts', class: 'back' }, 'List')),
      poles.length ? el('div', { class: 'poles' }, poles) : data.described ? el('p', { class: 'soft' }, 'It is dead on these texts: nothing excites it.') : '',
      el('dl', { class: 'stats' }, stats),
      concept.histogram
        ? el('figure', {}, histogram([concept.histogram.low, concept.histogram.high, concept.histogram.counts]),
            el('figcaption', {}, 'Activations over the rows of the fit; the height of a bar is the logarithm of its number of rows.'))
        : '',
      near.length ? el('section', {}, el('h4', {}, 'Nearest concepts by cosine'), el('ul', { class: 'near' }, near)) : '',
    );
    $('detail').scrollTop = 0;
    $('status').textContent = `Concept ${concept.concept}: ${name(concept.positive) || name(concept.negative)}`;
    onMap(concept);
  }

  // --- The map -------------------------------------------------------------------------------------------------------
  const map = $('mapfig');
  const scale = map ? Number(map.dataset.scale) : 0;
  const spot = (concept) => [320 + concept.at[0] * scale, 320 - concept.at[1] * scale];
  function onMap(concept) {
    if (!map || !concept.at) return;
    map.querySelectorAll('circle').forEach((old) => old.remove());
    const ring = (of, kind, radius) => {
      const [x, y] = spot(of);
      map.append(el('circle', { class: kind, cx: x.toFixed(1), cy: y.toFixed(1), r: radius }));
    };
    for (const [other] of concept.near ?? []) if (all[byId.get(other)]?.at) ring(all[byId.get(other)], 'near', 6);
    ring(concept, 'here', 9);
    $('mapname').textContent = `${concept.concept}: ${name(concept.positive) || name(concept.negative)}`;
  }
  function nearestOnMap(event) {
    const box = map.getBoundingClientRect();
    const [x, y] = [((event.clientX - box.left) / box.width) * 640, ((event.clientY - box.top) / box.height) * 640];
    let best = -1;
    let least = 18 ** 2;
    all.forEach((concept, place) => {
      if (!concept.at) return;
      const [a, b] = spot(concept);
      const distance = (a - x) ** 2 + (b - y) ** 2;
      if (distance < least) [best, least] = [place, distance];
    });
    return best;
  }
  if (map) {
    map.addEventListener('pointermove', (event) => {
      const place = nearestOnMap(event);
      const concept = all[place < 0 ? selected : place];
      if (concept) $('mapname').textContent = `${concept.concept}: ${name(concept.positive) || name(concept.negative)}`;
    });
    map.addEventListener('click', (event) => select(nearestOnMap(event)));
  }

  // --- Hands and keys ------------------------------------------------------------------------------------------------
  const narrow = () => window.matchMedia('(max-width: 900px)').matches;
  scroll.addEventListener('scroll', draw, { passive: true });
  window.addEventListener('resize', () => { drawn = ''; draw(); });
  $('search').addEventListener('input', refresh);
  $('filter').addEventListener('change', refresh);
  for (const head of document.querySelectorAll('#grid th[data-column] button')) {
    head.addEventListener('click', () => {
      const column = head.parentElement.dataset.column;
      order = { column, down: order?.column === column ? !order.down : columns[column].down };
      refresh();
    });
  }
  body.addEventListener('click', (event) => {
    const place = event.target.closest('tr.c')?.dataset.place;
    if (place == null) return;
    select(Number(place), { focus: true });
    if (narrow()) $('detail').scrollIntoView();
  });
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === 'Escape' && event.target === $('search')) {
      $('search').value = '';
      refresh();
      $('search').blur();
    } else if (event.key === 'Enter' && event.target === $('search')) step(0);
    else if (event.key === '/' && !typing) $('search').focus();
    else if (event.key === 'j' && !typing) step(1);
    else if (event.key === 'k' && !typing) step(-1);
    else if (body.contains(event.target) && event.target.matches('tr')) {
      const page = Math.max(1, Math.floor(scroll.clientHeight / ROW) - 2);
      const by = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key];
      if (by != null) step(by);
      else if (event.key === 'Enter') {
        select(Number(event.target.dataset.place));
        $('detail-title').focus();
        return event.preventDefault();
      } else return;
    } else return;
    event.preventDefault();
  });
  function follow(focus) {
    const place = byId.get(Number(/^#c(\d+)$/.exec(location.hash)?.[1] ?? NaN));
    if (place == null) return false;
    select(place, { address: false });
    if (focus) $('detail').scrollIntoView({ block: 'nearest' });
    return true;
  }
  window.addEventListener('hashchange', () => follow(true));
  window.addEventListener('beforeprint', () => document.querySelectorAll('#plain details').forEach((details) => { details.open = true; }));

  $('plain').hidden = true;
  $('app').hidden = false;
  refresh();
  if (!follow(true) && all.length) select(0, { address: false });
})();
