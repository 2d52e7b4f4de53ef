import ZinxTLS
import ZinxWire

/// The page at `/`: what `/metrics`, `/connections` and `/readyz` say, for eyes. One file without anything from elsewhere; it asks again every two seconds.
enum StatusPage {
  /// What a browser may do with it: run and lay out what is in it and nothing else, and ask where it came from.
  static let policy =
    "default-src 'none'; script-src '\(hash(StatusPageScript.text))'; style-src '\(hash(StatusPageStyle.text))'; img-src data:; "
    + "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

  static let html = """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>zinxd</title>
    <link rel="icon" href="data:,">
    <style>\(StatusPageStyle.text)</style>
    </head>
    <body>
    <header><h1 id="name">zinxd</h1><span id="state" class="pill" role="status">…</span><span id="up"></span></header>
    <main>
    <section class="tiles" aria-label="At a glance">
    <div class="tile wide"><h2>Connections</h2><p class="big"><b id="live">–</b> <small>of <span id="most">–</span></small></p>
    <div class="meter"><i id="fill"></i></div><p class="note" id="arriving"></p></div>
    <div class="tile"><h2>Messages in</h2><p class="big"><b id="in">–</b><small>/s</small></p><svg id="inline" viewBox="0 0 120 32" preserveAspectRatio="none" aria-hidden="true"><path/></svg></div>
    <div class="tile"><h2>Messages out</h2><p class="big"><b id="out">–</b><small>/s</small></p><svg id="outline" viewBox="0 0 120 32" preserveAspectRatio="none" aria-hidden="true"><path/></svg></div>
    <div class="tile"><h2>Memory</h2><p class="big"><b id="memory">–</b></p><p class="note" id="queued"></p></div>
    <div class="tile"><h2>Processor</h2><p class="big"><b id="cpu">–</b></p><p class="note" id="lag"></p></div>
    <div class="tile"><h2>Workers</h2><p class="big"><b id="busy">–</b> <small>of <span id="workers">–</span> busy</small></p><p class="note" id="blocked"></p></div>
    </section>
    <div class="tables">
    <section><h2>Listeners</h2><table id="listeners"></table></section>
    <section><h2>Connections that ended</h2><table id="ended"></table></section>
    <section><h2>Not let in</h2><table id="refused"></table></section>
    <section><h2>Messages</h2><table id="messages"></table></section>
    <section><h2>How near the limits are</h2><table id="limits"></table></section>
    <section class="wide"><h2><label for="order">Connections that have the most</label> <select id="order">
    <option value="received">messages received</option><option value="sent">messages sent</option><option value="receivedBytes">bytes received</option>
    <option value="sentBytes">bytes sent</option><option value="queuedBytes">bytes queued for them</option><option value="ageSeconds">age</option><option value="idleSeconds">idle time</option>
    </select></h2><div class="scroll" tabindex="0" role="region" aria-label="Connections"><table id="top"></table></div></section>
    <section class="wide"><h2>Routes <small>(messages about, and times of samples, since the start)</small></h2><div class="scroll" tabindex="0" role="region" aria-label="Routes"><table id="routes"></table></div></section>
    </div>
    </main>
    <footer>Numbers since the start. All of them: <a href="/metrics">/metrics</a>, <a href="/connections">/connections</a>, <a href="/healthz">/healthz</a>, <a href="/readyz">/readyz</a></footer>
    <noscript><p>Without scripts there is <a href="/metrics">/metrics</a>.</p></noscript>
    <script>\(StatusPageScript.text)</script>
    </body>
    </html>

    """

  /// As a policy names what is inline.
  private static func hash(_ text: String) -> String { "sha256-\(WebSocketRules.encoded(sha256(Array(text.utf8))))" }
}

enum StatusPageStyle {
  static let text = """
    :root{--bg:#f6f7f9;--card:#fff;--text:#1a1f26;--dim:#5b6572;--line:#dfe3e8;--accent:#1f6feb;--good:#1a7f37;--bad:#c62828;--warn:#9a6700}
    @media(prefers-color-scheme:dark){:root{--bg:#0f1318;--card:#181d24;--text:#e6eaf0;--dim:#98a2b0;--line:#2a313b;--accent:#58a6ff;--good:#3fb950;--bad:#ff7b72;--warn:#d29922}}
    *{box-sizing:border-box}
    body{margin:0 auto;max-width:70rem;padding:1rem;background:var(--bg);color:var(--text);font:15px/1.45 system-ui,sans-serif}
    header{display:flex;flex-wrap:wrap;align-items:center;gap:.4rem .8rem;margin-bottom:1rem}
    h1{font-size:1.4rem;margin:0}
    h2{font-size:.85rem;font-weight:600;color:var(--dim);margin:0 0 .35rem}
    h2 small{font-size:inherit;font-weight:400}
    .scroll{overflow-x:auto}
    .scroll td,.scroll th{white-space:nowrap;overflow-wrap:normal}
    #up,footer,.note{color:var(--dim);font-size:.85rem}
    .pill{padding:.1rem .6rem;border-radius:1rem;border:1px solid;font-size:.85rem;color:var(--dim)}
    .pill.good{color:var(--good)}.pill.bad{color:var(--bad)}.pill.warn{color:var(--warn)}
    .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(12rem,100%),1fr));gap:.7rem}
    .tile,.tables section{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.8rem .9rem;min-width:0}
    .wide{grid-column:1/-1}
    p{margin:0}
    .big{font-size:1.5rem;font-variant-numeric:tabular-nums;white-space:nowrap}
    .big small{font-size:.85rem;color:var(--dim)}
    .note{min-height:1.3em}
    .note.bad{color:var(--bad)}
    .meter{height:.45rem;border-radius:.3rem;background:var(--line);overflow:hidden;margin:.3rem 0}
    .meter i{display:block;height:100%;width:0;background:var(--accent)}
    .meter i.bad{background:var(--bad)}
    svg{display:block;width:100%;height:2rem;margin-top:.25rem}
    path{fill:none;stroke:var(--accent);stroke-width:1.5;vector-effect:non-scaling-stroke}
    .tables{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(20rem,100%),1fr));gap:.7rem;margin:.7rem 0}
    table{width:100%;border-collapse:collapse;font-size:.9rem}
    td,th{padding:.2rem 0;border-top:1px solid var(--line);text-align:right;font-variant-numeric:tabular-nums;font-weight:400}
    tr:first-child>*{border-top:0}
    *+td,*+th{padding-left:.8rem}
    th:first-child,td:first-child{text-align:left;overflow-wrap:anywhere}
    thead th{color:var(--dim);font-size:.8rem}
    a{color:var(--accent)}
    select{font:inherit;color:var(--text);background:var(--bg);border:1px solid var(--line);border-radius:.3rem;padding:.1rem .3rem;max-width:100%}
    :focus-visible{outline:2px solid var(--accent);outline-offset:2px}
    """
}

enum StatusPageScript {
  static let text = #"""
    'use strict';
    const $ = id => document.getElementById(id);
    const set = (id, text) => { $(id).textContent = text; };
    const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
    const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
    const bytes = n => { let i = 0; while (n >= 1024 && i < 4) { n /= 1024; i++; } return (i && n < 100 ? n.toFixed(1) : Math.round(n)) + ' ' + ['B', 'KiB', 'MiB', 'GiB', 'TiB'][i]; };
    const time = s => s < 120 ? Math.round(s) + ' s' : s < 7200 ? Math.round(s / 60) + ' min' : s < 172800 ? Math.round(s / 3600) + ' h' : Math.round(s / 86400) + ' days';
    const brief = s => s < 0.001 ? Math.round(s * 1e6) + ' µs' : s < 1 ? (s * 1000).toFixed(s < 0.01 ? 1 : 0) + ' ms' : s.toFixed(1) + ' s';
    function parse(text) {
      const found = {};
      for (const line of text.split('\n')) {
        const match = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
        if (!match) continue;
        const labels = {};
        for (const part of (match[2] || '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[part[1]] = part[2].replace(/\\(.)/g, (_, c) => c === 'n' ? '\n' : c);
        (found[match[1]] ||= []).push({ labels, value: Number(match[3]) });
      }
      return found;
    }
    const one = (m, name) => m['zinx_' + name] ? m['zinx_' + name][0].value : 0;
    const by = (m, name, label) => new Map((m['zinx_' + name] || []).map(s => [s.labels[label], s.value]));
    function rows(id, head, lines) {
      const table = $(id), body = document.createElement('tbody');
      for (const line of lines) {
        const row = body.insertRow();
        for (const cell of line) row.insertCell().textContent = cell;
      }
      table.replaceChildren(body);
      if (head) {
        const row = table.createTHead().insertRow();
        for (const cell of head) { const th = document.createElement('th'); th.scope = 'col'; th.textContent = cell; row.append(th); }
      }
    }
    const reasons = (m, ...names) => names.flatMap(n => [...by(m, n, 'reason')]).filter(e => e[1] > 0).sort((a, b) => b[1] - a[1]).map(([r, n]) => [r, whole.format(n)]);
    const history = { inline: [], outline: [] };
    function draw(id, value) {
      const line = history[id];
      line.push(value);
      if (line.length > 60) line.shift();
      const top = Math.max(1, ...line);
      $(id).firstElementChild.setAttribute('d', line.map((v, i) => (i ? 'L' : 'M') + (120 - (line.length - 1 - i) * 120 / 59).toFixed(1) + ' ' + (31 - 30 * v / top).toFixed(1)).join(''));
    }
    let before;
    function show(m) {
      const now = performance.now() / 1000, live = one(m, 'connections'), most = one(m, 'max_connections');
      const build = (m.zinx_build_info || [{ labels: {} }])[0].labels;
      set('name', (build.name || 'zinxd') + ' ' + (build.version || ''));
      document.title = build.name || 'zinxd';
      set('up', 'up ' + time(Date.now() / 1000 - one(m, 'start_time_seconds')));
      set('live', whole.format(live));
      set('most', whole.format(most));
      const full = most ? live / most : 0;
      $('fill').style.width = Math.min(100, 100 * full) + '%';
      $('fill').className = full > 0.9 ? 'bad' : '';
      const arriving = one(m, 'arriving_connections');
      set('arriving', arriving ? whole.format(arriving) + ' arriving' : '');
      const read = { now, in: one(m, 'messages_received_total'), out: one(m, 'messages_sent_total'), cpu: one(m, 'cpu_seconds_total') };
      if (before && now > before.now) {
        const rate = name => Math.max(0, (read[name] - before[name]) / (now - before.now));
        set('in', short.format(rate('in'))); draw('inline', rate('in'));
        set('out', short.format(rate('out'))); draw('outline', rate('out'));
        set('cpu', (100 * rate('cpu')).toFixed(rate('cpu') < 0.1 ? 1 : 0) + ' %');
      }
      before = read;
      set('memory', bytes(one(m, 'resident_memory_bytes')));
      const queued = one(m, 'queued_bytes');
      set('queued', queued ? bytes(queued) + ' queued for peers' : 'nothing queued for peers');
      const lag = Math.max(0, ...by(m, 'loop_lag_seconds', 'loop').values());
      set('lag', one(m, 'loops') + ' event loops, lag ' + (lag * 1000).toFixed(lag < 0.01 ? 2 : 0) + ' ms');
      $('lag').className = lag > 0.25 ? 'note bad' : 'note';
      set('busy', one(m, 'workers_busy'));
      set('workers', one(m, 'workers'));
      const blocked = one(m, 'workers_blocked');
      set('blocked', blocked ? blocked + ' blocked in a handler' : one(m, 'worker_queued_messages') + ' messages wait for them');
      $('blocked').className = blocked ? 'note bad' : 'note';
      const ends = by(m, 'tls_certificate_expiry_timestamp_seconds', 'listener'), accepted = by(m, 'listener_connections_accepted_total', 'listener');
      rows('listeners', ['name', 'live', 'accepted', 'certificate'], [...by(m, 'listener_connections', 'listener')].map(([name, n]) =>
        [name, whole.format(n), whole.format(accepted.get(name) || 0), ends.has(name) ? time(ends.get(name) - Date.now() / 1000) : '–']));
      const none = lines => lines.length ? lines : [['none', '']];
      rows('ended', null, none(reasons(m, 'connections_ended_total')));
      rows('refused', null, none(reasons(m, 'connections_refused_total', 'arrivals_failed_total')));
      rows('messages', null, [['received', whole.format(read.in)], ['data received', bytes(one(m, 'received_bytes_total'))], ['sent', whole.format(read.out)], ['data sent', bytes(one(m, 'sent_bytes_total'))],
        ...[['without a route', 'messages_unrouted'], ['not decoded', 'messages_undecodable'], ['handler failed', 'handler_errors'], ['skipped, queue full', 'messages_skipped']]
          .map(([label, name]) => [label, one(m, name + '_total')]).filter(l => l[1]).map(([l, n]) => [l, whole.format(n)])]);
      const percent = p => (100 * p).toFixed(p > 0 && p < 0.1 ? 1 : 0) + ' %';
      const bounds = by(m, 'listener_max_connections', 'listener'), held = by(m, 'listener_connections', 'listener');
      rows('limits', null, [['connections (MaxConn)', percent(full)], ...[...bounds].map(([name, most]) => ['connections of ' + name, percent(most ? (held.get(name) || 0) / most : 0)]),
        ['queued for peers (MaxQueueBytes)', percent(one(m, 'queue_fullness_ratio'))], ['fullest worker (MaxWorkerTaskLen)', percent(one(m, 'worker_queue_fullness_ratio'))],
        ['connections that wait for a worker', whole.format(one(m, 'worker_waiting_connections'))]]);
      const key = l => l.ids + ' ' + l.plugin, failed = new Map((m.zinx_route_failures_total || []).map(s => [key(s.labels), s.value]));
      const quantiles = name => { const found = {}; for (const s of m[name] || []) (found[key(s.labels)] ||= {})[Number(s.labels.quantile)] = s.value; return found; };
      const waits = quantiles('zinx_route_queue_seconds'), times = quantiles('zinx_route_handler_seconds');
      const cells = t => t ? [brief(t[0.5]), brief(t[0.99]), brief(t[1])] : ['–', '–', '–'];
      const routes = (m.zinx_route_messages_total || []).sort((a, b) => b.value - a.value).slice(0, 20);
      rows('routes', ['ids', 'plugin', 'messages', 'failed', 'queue p50', 'p99', 'max', 'handler p50', 'p99', 'max'], routes.map(s =>
        [s.labels.ids, s.labels.plugin, '≈' + whole.format(s.value), whole.format(failed.get(key(s.labels)) || 0), ...cells(waits[key(s.labels)]), ...cells(times[key(s.labels)])]));
    }
    let seen = new Map();
    function rank(list) {
      if (typeof list === 'string') return rows('top', null, [[list.trim()]]);
      const now = performance.now() / 1000, rate = (c, key) => { const b = seen.get(c.id); return b && now > b.now ? short.format(Math.max(0, (c[key] - b[key]) / (now - b.now))) : '–'; };
      rows('top', ['id', 'peer', 'listener', 'age', 'idle', 'in/s', 'received', 'data', 'out/s', 'sent', 'data', 'queued'], list.length ? list.map(c =>
        [c.id, c.peer, c.listener, time(c.ageSeconds), time(c.idleSeconds), rate(c, 'received'), whole.format(c.received), bytes(c.receivedBytes),
          rate(c, 'sent'), whole.format(c.sent), bytes(c.sentBytes), bytes(c.queuedBytes)]) : [['none', ...Array(11).fill('')]]);
      seen = new Map(list.map(c => [c.id, { ...c, now }]));
    }
    let order = 'received', again;
    $('order').onchange = () => { order = $('order').value; clearTimeout(again); look(); };
    async function look() {
      const asked = order;
      try {
        const [metrics, busiest, ready] = await Promise.all([fetch('/metrics', { headers: { Accept: 'text/plain' } }), fetch('/connections?sort=-' + asked), fetch('/readyz')]);
        const [text, list] = [await metrics.text(), busiest.ok ? await busiest.json() : await busiest.text()];
        // A look that was under way when another order was chosen is over.
        if (asked !== order) return;
        show(parse(text));
        rank(list);
        set('state', ready.ok ? 'serving' : (await ready.text()).trim());
        $('state').className = ready.ok ? 'pill good' : 'pill warn';
      } catch {
        set('state', 'does not answer');
        $('state').className = 'pill bad';
      }
      clearTimeout(again);
      again = setTimeout(look, document.hidden ? 10000 : 2000);
    }
    look();
    """#
}
