/* The page's behaviour: theme, figures, the clip list, saving tables. No library but the charts; nothing is fetched, and
   every word from the corpus reaches the page as text, never as markup. */
(() => {
  "use strict";
  const byId = (id) => document.getElementById(id);
  const data = (id) => JSON.parse(byId(id).textContent);
  const node = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== undefined && value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  };

  /* Theme: the system's unless the reader chose; the choice is kept where the browser allows. */
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const button = byId("theme");
  const stored = () => { try { return localStorage.getItem("mixedsignals-theme"); } catch { return null; } };
  const keep = (value) => { try { localStorage.setItem("mixedsignals-theme", value); } catch { /* private window */ } };
  const current = () => document.documentElement.dataset.theme || (dark.matches ? "dark" : "light");
  const label = () => { button.textContent = current() === "dark" ? "Light" : "Dark"; };
  if (["dark", "light"].includes(stored())) document.documentElement.dataset.theme = stored();
  button.hidden = false;
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = current() === "dark" ? "light" : "dark";
    keep(current());
    label();
  });
  dark.addEventListener("change", label);
  label();

  /* Figures. Colours are CSS variables, so a change of theme needs no second drawing. */
  const tip = byId("tip");
  const showTip = (_, event, item, value) => {
    if (value === null || value === undefined || value === "") { tip.hidden = true; return; }
    const pairs = typeof value === "object" ? Object.entries(value) : [["", String(value)]];
    tip.replaceChildren(...pairs.map(([name, text]) => node("div", {}, node("span", {}, name), node("b", {}, String(text)))));
    tip.hidden = false;
    const { clientWidth: width, clientHeight: height } = document.documentElement;
    tip.style.left = `${Math.max(8, Math.min(event.clientX + 14, width - tip.offsetWidth - 8))}px`;
    tip.style.top = `${Math.max(8, event.clientY + 14 + tip.offsetHeight > height ? event.clientY - tip.offsetHeight - 10 : event.clientY + 14)}px`;
  };
  const figures = data("data-figures");
  const views = new Map();
  /* Vega-Lite warns of every height that follows its rows, which is what is meant; other words of it are kept. */
  const logger = { level: () => logger, error: (...words) => console.error(...words), info: () => logger, debug: () => logger,
    warn: (...words) => { if (!String(words[0]).includes("discrete height")) console.warn(...words); return logger; } };
  const draw = async (place) => {
    const { compile, parse, View, expressionInterpreter } = window.mixedsignalsCharts || mixedsignalsCharts;
    const view = new View(parse(compile(figures[place.dataset.figure], { logger }).spec, null, { ast: true }), {
      expr: expressionInterpreter, renderer: "svg", container: place, hover: true, tooltip: showTip,
    });
    await view.runAsync();
    views.set(place, view);
    const drawing = place.querySelector("svg");
    if (drawing) drawing.setAttribute("aria-hidden", "true");
    if (place.dataset.clips) view.addEventListener("click", (_, item) => { if (item?.datum?.clip) open(item.datum.clip); });
    place.dataset.drawn = "yes";
  };
  const drawAll = async () => {
    for (const place of document.querySelectorAll("[data-figure]")) {
      try { await draw(place); } catch (error) { place.dataset.drawn = "no"; console.error(place.dataset.figure, error); }
    }
    document.documentElement.dataset.ready = "yes";
  };
  for (const choice of document.querySelectorAll("[data-switch]")) {
    choice.hidden = false;
    choice.addEventListener("change", (event) => {
      for (const place of choice.closest("section").querySelectorAll("[data-figure]")) {
        views.get(place)?.signal(choice.dataset.switch, event.target.value === "yes").runAsync();
      }
    });
  }
  addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

  /* Saving tables. A cell that a spreadsheet would take for a formula is quoted with an apostrophe. */
  const tables = data("data-tables");
  const cell = (value) => {
    if (value === null || value === undefined) return "";
    const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const asCsv = ({ columns, rows }) => `\ufeff${[columns, ...rows].map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;
  const asJson = ({ columns, rows }) => JSON.stringify(rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i]]))), null, 1);
  for (const line of document.querySelectorAll(".save")) line.hidden = false;

  /* Clips. */
  const corpus = data("data-clips");
  const target = (clip) => corpus.labels.indexOf(clip.target);
  const best = (values) => values.reduce((top, value, i) => (value !== null && (top < 0 || value > values[top]) ? i : top), -1);
  const shown = (value) => (value === null || value === undefined ? "–" : value.toFixed(2).replace(/^-?0?\./, (start) => (start[0] === "-" ? "−." : ".")).replace("-", "−"));

  const player = (media) => {
    if (media.kind === "none") return node("p", { class: "note" }, `No playback: ${media.note}.`);
    const element = node(media.kind, { controls: true, preload: "metadata", src: media.src, playsinline: true });
    const failed = node("p", { class: "note", hidden: true }, "This file cannot be played here.");
    element.addEventListener("error", () => { failed.hidden = false; });
    return node("div", { class: `player ${media.kind}` }, element, media.note ? node("p", { class: "note" }, media.note) : null, failed);
  };
  const bar = (share, classes, text, words) => {
    const made = node("td", { class: `bar ${classes}`, title: words }, text);
    made.style.setProperty("--share", share ?? 0);
    return made;
  };
  const saidRow = (clip, source) => {
    const values = clip.p[source];
    if (!values) return null;
    const top = best(values);
    const beside = clip.beside[source];
    const right = target(clip) < 0 ? "" : top === target(clip) ? "right" : "wrong";
    return node("tr", { class: `model c-${source === corpus.fusion ? "fusion" : source}` },
      node("th", { scope: "row" }, source, right ? node("span", { class: right, title: right }, node("span", { class: "hidden" }, right)) : null),
      ...values.map((p, i) => bar(p, i === top ? "top" : "", shown(p), `${source}: ${corpus.labels[i]} ${shown(p)}`)),
      ...corpus.beside.map((_, i) => node("td", { class: "number" }, beside && beside[i] !== null ? shown(beside[i]) : "")));
  };
  const votedRow = (clip, given) => {
    const counts = clip.votes[given];
    if (!counts) return null;
    const total = counts.reduce((sum, n) => sum + n, 0);
    return node("tr", { class: "person" },
      node("th", { scope: "row" }, given.replaceAll("+", " + ")),
      ...counts.map((n, i) => bar(total ? n / total : 0, i === best(counts) ? "top" : "", String(n), `${given}: ${n} of ${total} votes for ${corpus.labels[i]}`)),
      wide());
  };
  const wide = () => corpus.beside.length ? node("td", { colspan: corpus.beside.length }) : null;
  const group = (title, rows, extra) => {
    const kept = rows.filter(Boolean);
    if (!kept.length) return [];
    return [node("tbody", {}, node("tr", { class: "group" }, node("th", { scope: "rowgroup", colspan: corpus.labels.length + 1 }, title), ...extra), ...kept)];
  };
  const matrix = (clip) => {
    const heads = corpus.labels.map((name, i) => node("th", { scope: "col", class: i === target(clip) ? "true" : "" }, i === target(clip) ? node("small", {}, "true") : null, name));
    const beside = corpus.beside.map(([name, words]) => node("th", { class: "number", title: words }, name));
    const longest = Math.max(...corpus.labels.map((name) => name.length));
    const table = node("table", { class: "matrix" },
      node("caption", { class: "hidden" }, `What models and people say about clip ${clip.id}`),
      node("thead", {}, node("tr", {}, node("td"), ...heads, wide())),
      ...group("Models, probability", corpus.sources.map((source) => saidRow(clip, source)), beside),
      ...group("People, votes", corpus.conditions.map((given) => votedRow(clip, given)), [wide()].filter(Boolean)));
    const column = `${Math.min(longest, 16) * 0.46 + 1}rem`;
    table.style.setProperty("--column", column);
    table.style.setProperty("--narrow", corpus.labels.length <= 3 ? `max(3.7rem, ${column})` : "3.7rem");
    return node("div", { class: "scroll", role: "group", tabindex: 0, "aria-label": `What models and people say about clip ${clip.id}` }, table);
  };
  const card = (clip) => {
    const chips = clip.why.map((word) => node("span", { class: `chip ${word.replaceAll(" ", "-")}` }, word));
    const head = node("header", {}, node("h3", {}, clip.id), clip.speaker ? node("span", { class: "where" }, `speaker ${clip.speaker}`) : null,
      clip.target ? node("span", { class: "where" }, "true label ", node("b", {}, clip.target)) : null, ...chips);
    const told = clip.told.map((message) => node("p", { class: "told" }, message));
    const words = clip.words ? node("blockquote", {}, clip.words) : null;
    const media = clip.media.length ? node("div", { class: "players" }, ...clip.media.map((one) => player(one))) : null;
    return node("article", { class: media ? `card with-${clip.media.some((one) => one.kind === "video") ? "video" : "audio"}` : "card", "aria-label": `Clip ${clip.id}` }, head, media, node("div", { class: "said" }, ...told, words, matrix(clip)));
  };

  const index = new Map(corpus.clips.map((clip) => [clip.id, clip]));
  const dialog = byId("clip");
  const open = (id) => {
    const clip = index.get(id);
    byId("one").replaceChildren(clip ? card(clip) : node("p", {}, `Clip ${id} is not among those that this page lists; its rows are in the run’s tables.`));
    dialog.showModal();
  };
  byId("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => byId("one").replaceChildren());

  const perPage = 10;
  let page = 0;
  let matches = corpus.clips;
  const show = (move) => {
    const pages = Math.max(1, Math.ceil(matches.length / perPage));
    page = Math.max(0, Math.min(page, pages - 1));
    byId("cards").replaceChildren(...matches.slice(page * perPage, (page + 1) * perPage).map((clip) => card(clip)));
    byId("page").textContent = `${page + 1} of ${pages}`;
    byId("previous").disabled = page === 0;
    byId("next").disabled = page === pages - 1;
    byId("pager").hidden = pages === 1;
    byId("found").textContent = matches.length === corpus.clips.length ? "" : `${matches.length.toLocaleString("en")} of ${corpus.clips.length.toLocaleString("en")} listed clips`;
    if (move) byId("clips").scrollIntoView();
  };
  const search = () => {
    const words = byId("find").value.trim().toLowerCase();
    const why = byId("why").value;
    const wanted = byId("label").value;
    const playback = byId("playback").value;
    matches = corpus.clips.filter((clip) =>
      (!words || [clip.id, clip.speaker, clip.words].some((text) => text && text.toLowerCase().includes(words))) &&
      (!why || clip.why.includes(why)) && (!wanted || clip.target === wanted) &&
      (!playback || clip.media.some((media) => media.kind !== "none")));
    page = 0;
    show(false);
  };
  if (byId("cards")) {
    const reasons = [...new Set(corpus.clips.flatMap((clip) => clip.why))].sort();
    byId("why").append(...reasons.map((word) => node("option", { value: word }, `${word} (${corpus.clips.filter((clip) => clip.why.includes(word)).length})`)));
    byId("label").append(...corpus.labels.map((name) => node("option", { value: name }, name)));
    byId("filters").hidden = false;
    byId("filters").addEventListener("input", search);
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    byId("previous").addEventListener("click", () => { page -= 1; show(true); });
    byId("next").addEventListener("click", () => { page += 1; show(true); });
    show(false);
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-clip]");
    if (link) open(link.dataset.clip);
    const save = event.target.closest("[data-save]");
    if (!save) return;
    const table = tables[save.dataset.table];
    const csv = save.dataset.save === "csv";
    const blob = new Blob([csv ? asCsv(table) : asJson(table)], { type: csv ? "text/csv" : "application/json" });
    const address = URL.createObjectURL(blob);
    node("a", { href: address, download: `${save.dataset.table}.${save.dataset.save}` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  });
  addEventListener("beforeprint", () => { for (const one of document.querySelectorAll("#facts details")) one.open = true; });
  drawAll();
})();
