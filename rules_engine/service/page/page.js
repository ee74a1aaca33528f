"use strict";
// One page, no library: the editor, the checks while typing, runs, and what changed between two of them.
// Everything that comes from the service is put in as text, never as markup.
(() => {
  const API = "/api/v1";
  const START = `rules_engine: 1
id: my_protocol
kind: protocol
extends: [tace_ici_hcc]
title: My protocol
# Run this, change a rule, run again: what changed shows on the right.
options:
  new_therapy: ignore
`;
  const $ = (id) => document.getElementById(id);
  const text = $("text"), painted = $("painted"), numbers = $("numbers"), offers = $("offers");
  const state = { problems: [], run: null, before: null, running: null, summary: null, offered: [], chosen: 0, replaced: null };

  // The service ------------------------------------------------------------------------------------------------------

  async function ask(path, body, options = {}) {
    const request = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    const answer = await fetch(API + path, { ...request, ...options });
    const found = answer.status === 204 ? null : await answer.json();
    if (!answer.ok) throw Object.assign(new Error(found.detail || found.title), { problems: found.problems || [] });
    return found;
  }

  // Only the last of several questions of one kind is worth an answer.
  const asked = {};
  async function askLast(kind, path, body) {
    asked[kind]?.abort();
    const mine = (asked[kind] = new AbortController());
    try {
      const found = await ask(path, body, { signal: mine.signal });
      return asked[kind] === mine ? found : null;
    } catch (error) {
      if (error.name === "AbortError") return null;
      throw error;
    }
  }

  const later = {};
  function soon(kind, milliseconds, what) {
    clearTimeout(later[kind]);
    later[kind] = setTimeout(what, milliseconds);
  }

  // Elements ---------------------------------------------------------------------------------------------------------

  function make(name, properties = {}, ...children) {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children.filter((child) => child !== null && child !== undefined).map((child) => (child instanceof Node ? child : String(child))));
    return element;
  }

  function table(caption, headings, rows) {
    const cell = (value) => (value instanceof Node ? make("td", {}, value) : make("td", { className: typeof value === "number" ? "number" : "" }, typeof value === "number" ? number(value) : value ?? ""));
    const head = make("thead", {}, make("tr", {}, ...headings.map((name) => make("th", { scope: "col" }, name))));
    const body = make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map(cell))));
    return make("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: caption }, make("table", {}, make("caption", {}, caption), head, body));
  }

  function number(value) {
    return Number.isInteger(value) ? value.toLocaleString("en") : String(Number(value.toPrecision(4)));
  }

  function tell(element, words, kind = "") {
    element.textContent = words;
    element.className = `verdict ${kind}`;
  }

  // The editor -------------------------------------------------------------------------------------------------------

  const WORD = /(#.*$)|("(?:[^"\\]|\\.)*"|'[^']*')|^(\s*(?:- )*)([^\s#"'{}\[\],][^:#{}\[\],]*)(?=:(?:\s|$))|([{,]\s*)([A-Za-z_][\w.]*)(?=:\s)|(?<=[\s:\[,])(-?\d+(?:\.\d+)?)(?=[\s,\]}]|$)/g;

  function paintLine(line, faults) {
    const marks = [];
    for (const found of line.matchAll(WORD)) {
      if (found[1] !== undefined && found.index > 0 && !/\s/.test(line[found.index - 1])) continue;
      if (found[1] !== undefined) { marks.push([found.index, line.length, "c"]); break; }
      if (found[2] !== undefined) marks.push([found.index, found.index + found[2].length, "s"]);
      else if (found[4] !== undefined) marks.push([found.index + found[3].length, found.index + found[3].length + found[4].length, "k"]);
      else if (found[6] !== undefined) marks.push([found.index + found[5].length, found.index + found[5].length + found[6].length, "k"]);
      else marks.push([found.index, found.index + found[7].length, "n"]);
    }
    const cuts = [...new Set([0, line.length, ...marks.flatMap(([from, to]) => [from, to]), ...faults.flat()])].filter((cut) => cut <= line.length).sort((a, b) => a - b);
    const parts = document.createDocumentFragment();
    cuts.slice(0, -1).forEach((from, place) => {
      const to = cuts[place + 1];
      const kinds = marks.filter(([start, end]) => start <= from && to <= end).map(([, , kind]) => kind);
      if (faults.some(([start, end]) => start <= from && to <= end)) kinds.push("fault");
      parts.append(kinds.length ? make("span", { className: kinds.join(" ") }, line.slice(from, to)) : line.slice(from, to));
    });
    return parts;
  }

  function paint() {
    const lines = text.value.split("\n");
    const faulty = new Map();
    for (const problem of state.problems) {
      if (problem.file !== "protocol.yaml" || !problem.line) continue;
      const line = lines[problem.line - 1] ?? "";
      const start = Math.min(Math.max(0, (problem.column || 1) - 1), Math.max(0, line.length - 1));
      const word = /^("[^"]*"|'[^']*'|[^\s,:{}\[\]]+|.)/.exec(line.slice(start));
      faulty.set(problem.line, [...(faulty.get(problem.line) || []), [start, start + (word ? word[0].length : 1)]]);
    }
    const all = document.createDocumentFragment();
    const gutter = document.createDocumentFragment();
    lines.forEach((line, place) => {
      const faults = faulty.get(place + 1) || [];
      all.append(paintLine(line, faults), "\n");
      gutter.append(make("span", { className: faults.length ? "bad" : "" }, `${place + 1}\n`));
    });
    painted.replaceChildren(all);
    numbers.replaceChildren(gutter);
    follow();
  }

  function follow() {
    painted.scrollTop = numbers.scrollTop = text.scrollTop;
    painted.scrollLeft = text.scrollLeft;
  }

  function cursor() {
    const before = text.value.slice(0, text.selectionStart).split("\n");
    return { line: before.length, column: before.at(-1).length + 1 };
  }

  function goTo(line, column) {
    const before = text.value.split("\n").slice(0, line - 1);
    const place = before.reduce((sum, one) => sum + one.length + 1, 0) + Math.max(0, column - 1);
    text.focus();
    text.setSelectionRange(place, place);
    text.scrollTop = Math.max(0, (line - 6) * 20);
    follow();
  }

  function insert(from, to, words) {
    text.focus();
    text.setSelectionRange(from, to);
    // Keeps the browser's undo; where a browser no longer has it, the text is put in without.
    if (!document.execCommand("insertText", false, words)) {
      text.setRangeText(words, from, to, "end");
      changed();
    }
  }

  function changed() {
    try { sessionStorage.setItem("rules-engine", text.value); } catch { /* a browser that keeps nothing */ }
    paint();
    soon("check", 350, check);
  }

  function replaceText(words) {
    text.value = words;
    closeOffers();
    state.problems = [];
    changed();
    text.setSelectionRange(0, 0);
    text.scrollTop = 0;
  }

  async function check() {
    try {
      const found = await askLast("check", "/check", { text: text.value });
      if (!found) return;
      state.problems = found.problems;
      showProblems($("problems"), found.problems);
      const endpoints = Object.keys(found.ruleset?.endpoints || {});
      if (found.ok) tell($("verdict"), `Right: ${found.ruleset.title}. ${endpoints.length} endpoints: ${endpoints.join(", ")}`, "good");
      else tell($("verdict"), `${found.problems.length} problem${found.problems.length === 1 ? "" : "s"}`, "bad");
      if (found.ok && found.ruleset.data_cutoff && !$("cutoff").value) $("cutoff").value = found.ruleset.data_cutoff;
    } catch (error) {
      tell($("verdict"), `Not checked: ${error.message}`, "bad");
    }
    paint();
  }

  function showProblems(list, problems) {
    list.replaceChildren(...problems.map((problem) => {
      const here = problem.file === "protocol.yaml" && problem.line;
      const place = here
        ? make("button", { type: "button", onclick: () => goTo(problem.line, problem.column) }, `line ${problem.line}, column ${problem.column}`)
        : make("code", {}, problem.where);
      const meant = problem.meant ? ` Did you mean ${problem.meant}?` : "";
      return make("li", {}, place, problem.path ? ` ${problem.path}` : "", make("span", { className: "what" }, problem.what + "." + meant), make("span", { className: "remedy" }, problem.remedy));
    }));
  }

  // Completion -------------------------------------------------------------------------------------------------------

  async function offer() {
    const { line, column } = cursor();
    const found = await askLast("complete", "/complete", { text: text.value, line, column }).catch(() => null);
    const now = cursor();
    if (!found || now.line !== line || now.column !== column) return;
    state.offered = found.suggestions;
    state.replaced = { start: found.start, end: found.end, line };
    state.chosen = 0;
    if (!state.offered.length) return closeOffers();
    offers.replaceChildren(...state.offered.map((one, place) => make("li", { id: `offer-${place}`, role: "option", onmousedown: (event) => { event.preventDefault(); take(place); } },
      make("span", { className: "word" }, one.label), make("span", { className: "detail" }, one.detail))));
    const wide = measured();
    const left = 8 + (found.start - 1) * wide - text.scrollLeft, top = 8 + line * 20 - text.scrollTop;
    offers.hidden = false;
    const area = text.getBoundingClientRect();
    offers.style.left = `${Math.max(0, Math.min(left, area.width - offers.offsetWidth - 4))}px`;
    offers.style.top = `${top + offers.offsetHeight > area.height ? Math.max(0, top - 20 - offers.offsetHeight) : top}px`;
    choose(0);
  }

  let width = 0;
  function measured() {
    if (!width) {
      const probe = make("span", {}, "x".repeat(100));
      painted.append(probe);
      width = probe.getBoundingClientRect().width / 100;
      probe.remove();
    }
    return width;
  }

  function choose(place) {
    state.chosen = (place + state.offered.length) % state.offered.length;
    [...offers.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === state.chosen)));
    offers.children[state.chosen].scrollIntoView({ block: "nearest" });
    text.setAttribute("aria-activedescendant", `offer-${state.chosen}`);
  }

  function closeOffers() {
    offers.hidden = true;
    text.removeAttribute("aria-activedescendant");
  }

  function take(place) {
    const { start, end, line } = state.replaced;
    const first = text.value.split("\n").slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
    closeOffers();
    insert(first + start - 1, first + end - 1, state.offered[place].insert);
  }

  text.addEventListener("input", (event) => {
    changed();
    // A letter that was typed, not a text that was put in.
    const typed = event.inputType === "insertText" && event.data?.length === 1 && event.data.trim();
    if (typed || (event.inputType === "deleteContentBackward" && !offers.hidden)) soon("offer", 120, offer);
    else closeOffers();
  });
  text.addEventListener("scroll", () => { follow(); closeOffers(); });
  text.addEventListener("blur", () => setTimeout(closeOffers, 100));
  text.addEventListener("click", closeOffers);
  text.addEventListener("keydown", (event) => {
    if (event.ctrlKey && event.code === "Space") { event.preventDefault(); return offer(); }
    if (event.ctrlKey && event.key === "Enter") { event.preventDefault(); return start(); }
    if (!offers.hidden) {
      const keys = { ArrowDown: () => choose(state.chosen + 1), ArrowUp: () => choose(state.chosen - 1), Enter: () => take(state.chosen), Tab: () => take(state.chosen), Escape: closeOffers };
      if (keys[event.key]) { event.preventDefault(); return keys[event.key](); }
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      const line = text.value.slice(0, text.selectionStart).split("\n").at(-1);
      const indent = /^ */.exec(line)[0] + (/:\s*$/.test(line) ? "  " : "");
      insert(text.selectionStart, text.selectionEnd, `\n${indent}`);
    }
    if (["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) closeOffers();
  });

  // Runs -------------------------------------------------------------------------------------------------------------

  async function start() {
    if (state.running) return;
    $("run").disabled = true;
    $("cancel").hidden = false;
    showProblems($("run-problems"), []);
    tell($("progress"), "Starting", "busy");
    try {
      let run = await ask("/runs", { ruleset: { text: text.value }, study: $("study").value, data_cutoff: $("cutoff").value.trim() || null });
      state.running = run.id;
      while (run.state === "queued" || run.state === "running") {
        tell($("progress"), `${run.state === "queued" ? "Waiting" : "Running"}${run.stage ? `: ${run.stage}` : ""}`, "busy");
        run = await ask(`/runs/${run.id}?wait=0.5`);
      }
      await ended(run);
    } catch (error) {
      tell($("progress"), `Not run: ${error.message}`, "bad");
      showProblems($("run-problems"), error.problems || []);
    } finally {
      state.running = null;
      $("run").disabled = false;
      $("cancel").hidden = true;
    }
  }

  async function ended(run) {
    if (run.state !== "done") {
      tell($("progress"), run.state === "cancelled" ? "Cancelled." : "The run failed.", "bad");
      return showProblems($("run-problems"), run.problems);
    }
    // Only runs on one study can be held against each other.
    state.before = state.run && state.run.study === run.study ? state.run : null;
    state.run = run;
    const summary = (state.summary = run.summary);
    tell($("progress"), `Done: ${summary.title}, ${summary.subjects} subjects, data cut-off ${summary.data_cutoff}.`, "good");
    $("tabs").hidden = false;
    $("endpoint").replaceChildren(make("option", { value: "" }, "all"), ...Object.keys(summary.endpoints).map((name) => make("option", { value: name }, name)));
    showResult(summary);
    $("panel-report").replaceChildren(make("p", {}, make("a", { href: `${API}/runs/${run.id}/report`, target: "_blank", rel: "noopener" }, "Open the report by itself")), make("iframe", { title: "Report of the run", src: `${API}/runs/${run.id}/report` }));
    showTab(state.before ? "changes" : "result");
    await showChanges();
  }

  function showResult(summary) {
    const rows = Object.entries(summary.endpoints).map(([name, one]) => [name, one.label, one.records, one.events ?? one.responders, "events" in one ? "events" : "responders"]);
    const files = Object.entries(summary.tables).map(([name, rows]) => [make("a", { href: `${API}/runs/${state.run.id}/tables/${name}?format=csv` }, `${name}.csv`), make("a", { href: `${API}/runs/${state.run.id}/tables/${name}?format=parquet` }, `${name}.parquet`), rows]);
    $("panel-result").replaceChildren(
      table("Endpoints", ["Endpoint", "Label", "Records", "Of these", ""], rows),
      table("Findings, by rule", ["Severity", "Rule", "Findings", "The first of them"], summary.findings.map((one) => [one.severity, one.rule_id, one.n, one.example])),
      table("Data sets", ["CSV", "Parquet", "Rows"], files));
  }

  const side = (record, which) => {
    const outcome = record[`outcome_${which}`], day = record[`date_${which}`], days = record[`days_${which}`], reason = record[`reason_${which}`];
    if (outcome === null && day === null) return "no record";
    return `${outcome}${day ? ` on ${day}` : ""}${days !== null && days !== undefined ? ` (day ${days})` : ""}${reason ? `: ${reason}` : ""}`;
  };
  const SHOWN = ["n", "events", "responders", "median", "survival", "incidence", "restricted_mean", "hazard_ratio", "rate", "difference", "p_value"];

  async function showChanges() {
    const panel = $("panel-changes");
    if (!state.before) {
      return panel.replaceChildren(make("p", {}, "This was the first run on this study. Change a rule and run again: what differs between the two will stand here."));
    }
    panel.replaceChildren(make("p", { className: "busy" }, "Comparing"));
    try {
      const found = await ask(`/runs/${state.run.id}/diff?against=${state.before.id}`);
      panel.replaceChildren(...changes(found));
    } catch (error) {
      panel.replaceChildren(make("p", { className: "verdict bad" }, `Not compared: ${error.message}`));
    }
  }

  function changes(found) {
    if (!found.rules.length && !found.results_differ) return [make("p", {}, "Nothing differs from the run before: neither rules nor records nor estimates.")];
    const counts = new Map();
    for (const record of found.records) counts.set(record.paramcd, (counts.get(record.paramcd) || 0) + 1);
    const told = [...counts].map(([name, many]) => `${name} ${many}`).join(", ");
    const rules = found.rules.map((rule) => [rule.path ?? rule.name, written(rule.before), written(rule.after)]);
    const records = make("div");
    const pick = make("select", { ariaLabel: "Endpoint of the records shown" }, make("option", { value: "" }, "every endpoint"), ...[...counts.keys()].map((name) => make("option", { value: name }, name)));
    const list = () => records.replaceChildren(table(`Records that changed`, ["Subject", "Endpoint", "Before", "After", "By"],
      found.records.filter((one) => !pick.value || one.paramcd === pick.value).slice(0, 500).map((one) => [
        make("button", { type: "button", onclick: () => explain(one.subject, one.paramcd) }, one.subject), one.paramcd, side(one, "before"), side(one, "after"), one.by])));
    pick.onchange = list;
    list();
    const estimates = found.estimates.filter((one) => SHOWN.includes(one.statistic) && one.subgroup_variable === null).slice(0, 300)
      .map((one) => [one.paramcd, one.analysis, [one.group, one.comparison && `against ${one.comparison}`, one.variable, one.level].filter(Boolean).join(", "), one.label, one.before, one.after, one.difference]);
    return [
      make("h3", {}, "Rules"), rules.length ? table("Values that differ", ["Rule", "Before", "After"], rules) : make("p", {}, "The rules mean the same."),
      make("h3", {}, `Records: ${found.records.length} changed`), found.records.length ? make("p", {}, told, ". ", make("label", {}, "Show ", pick)) : null, found.records.length ? records : null,
      found.figures.length ? make("h3", {}, "Curves: before dashed, after solid") : null,
      ...found.figures.map((figure) => make("figure", {}, make("img", { alt: figure.caption, src: `data:image/svg+xml;charset=utf-8,${encodeURIComponent(figure.svg)}` }), make("figcaption", {}, figure.caption))),
      make("h3", {}, "Estimates"), estimates.length ? table("Numbers that differ", ["Endpoint", "Analysis", "Of", "Number", "Before", "After", "Difference"], estimates) : make("p", {}, "No estimate differs."),
    ].filter(Boolean);
  }

  const written = (value) => (value === null || value === undefined ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value));

  async function explain(subject, endpoint) {
    $("subject").value = subject;
    $("endpoint").value = endpoint || "";
    showTab("subject");
    const place = $("explanation");
    place.replaceChildren(make("p", { className: "busy" }, "Explaining"));
    const question = (run) => ask(`/runs/${run.id}/explanation?subject=${encodeURIComponent(subject)}${endpoint ? `&endpoint=${encodeURIComponent(endpoint)}` : ""}`);
    const runs = state.before ? [["Before", state.before], ["After", state.run]] : [["Why", state.run]];
    const answers = await Promise.all(runs.map(([, run]) => question(run).catch((error) => error)));
    const said = answers.map((answer) => new Set(sentences(answer).map((one) => one.text)));
    place.replaceChildren(make("div", { className: "two" }, ...answers.map((answer, which) => {
      const others = said.length > 1 ? said[1 - which] : null;
      const content = answer instanceof Error ? make("p", { className: "verdict bad" }, answer.message) : story(answer, others);
      return make("div", {}, make("h3", {}, runs[which][0]), content);
    })));
  }

  const steps = (endpoint) => [...endpoint.steps, { title: "Conclusion", sentences: endpoint.conclusion }];
  const sentences = (answer) => (answer.explanation?.endpoints ?? []).flatMap((endpoint) => steps(endpoint).flatMap((step) => step.sentences));

  // Each step with its sentences; what only this run says is marked. Visits are told in the words of the command line.
  function story(answer, others) {
    const rule = (one) => `${one.name}${one.value === null ? "" : ` = ${written(one.value)}`}${one.line ? `, ${one.file}:${one.line}` : ""}`;
    const told = (one) => make("li", { className: others && !others.has(one.text) ? "differs" : "" }, one.text, one.rules.length ? make("small", {}, ` [${one.rules.map(rule).join("; ")}]`) : null);
    const endpoints = answer.explanation.endpoints.flatMap((endpoint) => [
      make("h4", {}, `${endpoint.endpoint}: ${endpoint.label}`),
      ...steps(endpoint).flatMap((step) => [make("p", { className: "step" }, step.title), make("ul", {}, ...step.sentences.map(told))]),
    ]);
    const visits = answer.explanation.timepoints.length ? [make("details", {}, make("summary", {}, "Everything, with each visit"), make("pre", { className: "told", tabIndex: 0 }, answer.text))] : [];
    return make("div", { className: "story" }, ...endpoints, ...visits);
  }

  // Tabs -------------------------------------------------------------------------------------------------------------

  const TABS = ["changes", "result", "subject", "report"];
  function showTab(name, focus = false) {
    for (const one of TABS) {
      const tab = $(`tab-${one}`), here = one === name;
      tab.setAttribute("aria-selected", String(here));
      tab.tabIndex = here ? 0 : -1;
      $(`panel-${one}`).hidden = !here;
      if (here && focus) tab.focus();
    }
  }
  TABS.forEach((name, place) => {
    $(`tab-${name}`).addEventListener("click", () => showTab(name));
    $(`tab-${name}`).addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) showTab(TABS[(place + step + TABS.length) % TABS.length], true);
    });
  });

  // The beginning ----------------------------------------------------------------------------------------------------

  $("run").addEventListener("click", start);
  $("cancel").addEventListener("click", () => state.running && ask(`/runs/${state.running}/cancel`, {}).catch(() => {}));
  $("ask").addEventListener("submit", (event) => { event.preventDefault(); if (state.run) explain($("subject").value.trim(), $("endpoint").value); });
  $("save").addEventListener("click", () => {
    const link = make("a", { href: URL.createObjectURL(new Blob([text.value], { type: "application/yaml" })), download: "protocol.yaml" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  $("file").addEventListener("change", async (event) => { if (event.target.files[0]) replaceText(await event.target.files[0].text()); });
  $("open").addEventListener("change", async (event) => {
    if (!event.target.value) return;
    try { replaceText((await ask(`/rulesets/${event.target.value}`)).text); } catch (error) { tell($("verdict"), error.message, "bad"); }
    event.target.value = "";
  });
  $("study").addEventListener("change", () => { const cutoff = $("study").selectedOptions[0]?.dataset.cutoff; if (cutoff) $("cutoff").value = cutoff; });

  // One file per table; what is wrong with them is told by the run, as for a folder.
  $("upload").addEventListener("change", async (event) => {
    const files = [...event.target.files];
    if (!files.length) return;
    const body = new FormData();
    for (const file of files) body.append("files", file);
    body.append("title", `${files.length} files of yours`);
    try {
      const study = await ask("/studies", undefined, { method: "POST", body });
      $("study").append(make("option", { value: study.id, selected: true }, study.title));
      tell($("progress"), `Uploaded: ${files.map((file) => file.name).join(", ")}.`);
      showProblems($("run-problems"), []);
    } catch (error) {
      tell($("progress"), `Not uploaded: ${error.message}`, "bad");
      showProblems($("run-problems"), error.problems || []);
    }
    event.target.value = "";
  });

  async function begin() {
    let kept = null;
    try { kept = sessionStorage.getItem("rules-engine"); } catch { /* as above */ }
    replaceText(kept || START);
    const [studies, rulesets] = await Promise.all([ask("/studies"), ask("/rulesets")]);
    $("study").replaceChildren(...studies.map((one) => {
      const option = make("option", { value: one.id }, one.title);
      if (one.data_cutoff) option.dataset.cutoff = one.data_cutoff;
      return option;
    }));
    $("study").dispatchEvent(new Event("change"));
    $("open").append(...rulesets.filter((one) => one.kind === "protocol").map((one) => make("option", { value: one.id }, `${one.id}: ${one.title}`.slice(0, 80))));
  }
  begin().catch((error) => tell($("verdict"), `The service does not answer: ${error.message}`, "bad"));
})();
