// The panel of single subjects: a list to pick from, and the course of the one picked. Everything is made of elements and
// texts, so that no text of a study becomes markup. The data are those of `subject_panel.py`.
(function () {
  "use strict";
  const panel = document.getElementById("subject-panel");
  const data = JSON.parse(document.getElementById("subject-panel-data").textContent);
  const SVG = "http://www.w3.org/2000/svg";
  const WIDTH = 760, LEFT = 150, RIGHT = WIDTH - 120, PLOT = 210, ROW = 21;
  const DAYS_PER_MONTH = data.days_per_month;
  const COLOURS = { CR: 2, NED: 2, PR: 0, SD: 4, "NON-CR/NON-PD": 4, PD: 1, RECUR: 1 };
  const SIGNS = {
    session: "M0 -5V5", therapy: "M0 4L-4 -3.4H4Z", clinical: "M0 -4L4 3.4H-4Z", fact: "M0 -3V3",
    death: "M-4 -4L4 4M4 -4L-4 4", event: "M-4 -4H4V4H-4Z", competing: "M0 -5L5 0L0 5L-5 0Z",
    censored: "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z", picked: "M0 -5L5 0L0 5L-5 0Z",
  };
  const FILLED = ["event", "therapy"];
  const LEGEND = [["event", "event"], ["censored", "censored"], ["competing", "competing event, or response that counts"],
    ["death", "death"], ["therapy", "other therapy"], ["session", "session"]];

  function make(tag, attributes, ...children) {
    return fill(document.createElement(tag), attributes, children);
  }
  function draw(tag, attributes, ...children) {
    return fill(document.createElementNS(SVG, tag), attributes, children);
  }
  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
    for (const child of children) if (child !== null) element.append(child);
    return element;
  }
  function label(css, x, y, words, anchor) {
    return draw("text", { class: css, x: x.toFixed(1), y: y.toFixed(1), "text-anchor": anchor || "start" }, words);
  }
  function line(css, x1, y1, x2, y2) {
    return draw("path", { class: css, d: `M${x1.toFixed(1)} ${y1.toFixed(1)}L${x2.toFixed(1)} ${y2.toFixed(1)}` });
  }
  const iso = (day) => new Date(day * 864e5).toISOString().slice(0, 10);
  const mm = (hundredths) => (hundredths === null ? "–" : (hundredths / 100).toFixed(1));
  const cut = (words, most) => (words.length > most ? words.slice(0, most - 1) + "…" : words);
  function change(value, from) {
    if (value === null || from === null || from === 0) return "–";
    const percent = (100 * (value - from)) / from;
    return (percent < 0 ? "−" : percent > 0 ? "+" : "") + Math.abs(percent).toFixed(1) + "%";
  }

  // The list ------------------------------------------------------------------------------------------------------------

  const search = make("input", { type: "search", id: "subject-search", autocomplete: "off", spellcheck: "false" });
  const list = make("select", { id: "subject-list", size: "7", "aria-label": "Subjects" });
  const found = make("p", { class: "note", role: "status" });
  const previous = make("button", { type: "button" }, "Previous");
  const next = make("button", { type: "button" }, "Next");
  const course = make("div", { id: "subject-course", role: "region", "aria-label": "Course of the subject", tabindex: "-1" });
  const texts = data.subjects.map((one) =>
    [one.subject, one.arm, ...one.stories.map(([ending], place) => `${data.endpoints[place][0]} ${ending}`),
      ...one.visits.map((visit) => visit[2])].join(" ").toLowerCase());

  function offer() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const kept = data.subjects.filter((_one, place) => words.every((word) => texts[place].includes(word)));
    list.replaceChildren(...kept.map((one) => {
      const option = make("option", { value: one.subject }, [one.subject, one.arm].filter(Boolean).join("  ·  "));
      option.selected = one === shown;
      return option;
    }));
    found.textContent = `${kept.length} of ${data.subjects.length} subjects`;
  }
  function step(by) {
    const places = [...list.options];
    if (!places.length) return;
    const now = list.selectedIndex;
    pick(places[now < 0 ? 0 : Math.min(Math.max(now + by, 0), places.length - 1)].value);
  }
  let shown = null;
  let reading = 0;
  function pick(subject) {
    // The address names the subject, so that it can be sent to a colleague.
    location.replace("#subject=" + encodeURIComponent(subject));
    show(subject);
  }
  function show(subject) {
    const one = data.subjects.find((other) => other.subject === subject);
    if (one === shown && one) return true;
    shown = one || null;
    if (shown) {
      if (![...list.options].some((option) => option.value === subject)) { search.value = ""; offer(); }
      for (const option of list.options) option.selected = option.value === subject;
      render();
    } else {
      course.replaceChildren(make("p", {}, `The panel has no subject ${subject}.`));
    }
    return Boolean(shown);
  }
  function follow() {
    if (!location.hash.startsWith("#subject=")) return;
    let subject = location.hash.slice("#subject=".length);
    try { subject = decodeURIComponent(subject); } catch (_error) { /* not encoded: taken as it is */ }
    if (!shown || shown.subject !== subject) { show(subject); panel.scrollIntoView(); }
  }
  search.addEventListener("input", offer);
  search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") { list.focus(); if (list.selectedIndex < 0) step(0); event.preventDefault(); }
    if (event.key === "Enter" && list.options.length) { pick(list.options[Math.max(list.selectedIndex, 0)].value); }
  });
  list.addEventListener("change", () => pick(list.value));
  previous.addEventListener("click", () => step(-1));
  next.addEventListener("click", () => step(1));
  addEventListener("hashchange", follow);

  // One subject ---------------------------------------------------------------------------------------------------------

  function render() {
    const title = make("h3", {}, shown.arm ? make("span", { class: "tag" }, shown.arm) : null, ` Subject ${shown.subject}`);
    reading = Math.min(reading, Math.max(shown.trajectories.length - 1, 0));
    const path = shown.trajectories[reading] || null;
    const picture = make("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "Lesions and timeline" }, figure(path));
    course.replaceChildren(title, ...choice(), make("figure", {}, picture, make("figcaption", {}, caption(path))),
      visits(path), make("h4", {}, "Why each endpoint is as it is"), ...shown.stories.map(story));
  }

  function choice() {
    if (shown.trajectories.length < 2) return [];
    return [make("div", { class: "choice", role: "group", "aria-label": "Sums of diameters as read by" },
      ...shown.trajectories.map((path, place) => {
        const button = make("button", { type: "button", "aria-pressed": String(place === reading) }, path.names.join(", "));
        button.addEventListener("click", () => {
          reading = place;
          render();
          course.querySelectorAll(".choice button")[place].focus();
        });
        return button;
      }))];
  }

  function caption(path) {
    const sums = path ? `Target lesions and their sum as read by ${path.names.join(", ")}, with the smallest sum so far (nadir) and the limits of partial ` +
      "response and progression; a gap is a lesion that was not evaluated. " : "";
    return sums + "Below: responses by criterion, treatment, events, and what each endpoint came to, on the same time.";
  }

  function figure(path) {
    const days = [];
    if (path) for (const [day] of path.sums) days.push(day);
    const lanes = [...responses(), ...shown.lanes];
    for (const lane of lanes) {
      for (const mark of lane.marks) days.push(mark[0]);
      for (const span of lane.spans) days.push(span[0], span[1]);
    }
    if (shown.origin !== null) days.push(shown.origin);
    if (!days.length) return make("p", {}, "Nothing that is known of the subject has a date.");
    const origin = shown.origin === null ? Math.min(...days) : shown.origin;
    const first = Math.min(origin, ...days), last = Math.max(first + 1, origin, ...days);
    const x = (day) => LEFT + ((RIGHT - LEFT) * (day - first)) / (last - first);
    const parts = [];
    const top = path ? PLOT + 34 : 12;
    const rows = [];
    let group = null, y = top;
    for (const lane of lanes) {
      if (lane.group !== group) { y += 20; rows.push([null, y, lane.group]); group = lane.group; y += 6; }
      y += ROW;
      rows.push([lane, y - ROW / 2, null]);
    }
    const bottom = y + 6;
    const step = [1, 2, 3, 6, 12, 24, 48, 120].find((one) => (last - first) / DAYS_PER_MONTH / one <= 12) || 240;
    for (let month = Math.ceil((first - origin) / DAYS_PER_MONTH / step) * step; origin + month * DAYS_PER_MONTH <= last; month += step) {
      const at = x(origin + month * DAYS_PER_MONTH);
      parts.push(line(month === 0 ? "axis" : "grid", at, 12, at, bottom));
      parts.push(label("tick", at, bottom + 16, String(month).replace("-", "−"), "middle"));
    }
    parts.push(label("name", (LEFT + RIGHT) / 2, bottom + 34, `Months from ${iso(origin)}`, "middle"));
    if (data.cutoff <= last) {
      parts.push(line("guide", x(data.cutoff), 12, x(data.cutoff), bottom));
      parts.push(label("tick", x(data.cutoff) - 4, 10, "data cut-off", "end"));
    }
    if (path) parts.push(...lesions(path, x));
    for (const [lane, at, heading] of rows) parts.push(...(lane ? laneParts(lane, at, x) : [label("label", 0, at, heading)]));
    parts.push(...legend(bottom + 56));
    const named = `Course of subject ${shown.subject}`;
    return draw("svg", { class: "curves", viewBox: `0 0 ${WIDTH} ${bottom + 84}`, role: "img", "aria-label": named }, draw("title", {}, named), ...parts);
  }

  function responses() {
    const streams = [...new Set(shown.visits.map((visit) => visit[1]))];
    return streams.map((stream) => ({
      group: "Responses", name: data.streams[stream], spans: [],
      marks: shown.visits.filter((visit) => visit[1] === stream).map(([day, _stream, code, parts]) => [day, "response", code, parts]),
    }));
  }

  function lesions(path, x) {
    const parts = [];
    const limits = path.nadirs.flatMap(([_day, nadir, pd]) => (pd === null ? [nadir] : [nadir, pd]));
    const most = Math.max(1000, ...path.sums.map((point) => point[1] || 0), ...limits) * 1.05;
    const y = (length) => 14 + PLOT * (1 - length / most);
    const tick = [500, 1000, 2000, 5000, 10000, 20000, 50000].find((one) => most / one <= 6) || 100000;
    for (let length = 0; length <= most; length += tick) {
      parts.push(line(length ? "grid" : "axis", LEFT, y(length), RIGHT, y(length)));
      parts.push(label("tick", LEFT - 8, y(length) + 4, String(length / 100), "end"));
    }
    parts.push(draw("text", { class: "name", x: "104", y: String(14 + PLOT / 2), "text-anchor": "middle", transform: `rotate(-90 104 ${14 + PLOT / 2})` }, "mm"));
    const ends = [];
    const steps = (of, css, name) => {
      const known = path.nadirs.filter((one) => of(one) !== null);
      if (!known.length) return;
      // Each limit holds for its own visit: from the visit before it on.
      const days = [path.sums[0][0], ...known.map((one) => one[0])];
      let d = `M${x(days[0]).toFixed(1)} ${y(of(known[0])).toFixed(1)}`;
      known.forEach((one, place) => { d += `V${y(of(one)).toFixed(1)}H${x(days[place + 1]).toFixed(1)}`; });
      parts.push(draw("path", { class: css, d }));
      ends.push([y(of(known[known.length - 1])), css, name]);
    };
    steps((one) => one[2], "line dashed c1", "PD from here");
    steps((one) => one[1], "line dashed c6", "nadir");
    if (path.partial_response !== null) {
      const at = y(path.partial_response), days = path.sums.map((point) => point[0]);
      parts.push(line("line dashed c2", x(days[0]), at, x(days[days.length - 1]), at));
      ends.push([at, "line dashed c2", "PR to here"]);
    }
    const several = path.lesions.length > 1;
    const lines = several ? path.lesions.map((one, place) => [`${one[0]} ${one[1]}`, one[2], `thin c${[3, 4, 5, 2, 1][place % 5]}`]) : [];
    const only = path.lesions.length === 1 ? `${path.lesions[0][0]} ${path.lesions[0][1]}` : "sum";
    lines.push([several ? "sum" : only, path.sums, "c0"]);
    for (const [name, points, css] of lines) {
      let d = "", pen = false;
      for (const [day, length] of points) {
        if (length === null) { pen = false; continue; }
        d += `${pen ? "L" : "M"}${x(day).toFixed(1)} ${y(length).toFixed(1)}`;
        pen = true;
      }
      parts.push(draw("path", { class: `line ${css}`, d }));
      for (const [day, length] of points) {
        if (length === null) continue;
        const dot = `M${(x(day) - 2.5).toFixed(1)} ${y(length).toFixed(1)}a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0 -5 0Z`;
        parts.push(draw("path", { class: `bar ${css}`, d: dot }, draw("title", {}, `${name}, ${iso(day)}: ${mm(length)} mm`)));
      }
      const known = points.filter((point) => point[1] !== null);
      if (known.length) ends.push([y(known[known.length - 1][1]), css, name]);
    }
    // Names at the right end, moved apart where they would touch.
    ends.sort((one, other) => one[0] - other[0]);
    let free = 0;
    for (const end of ends) { end[0] = Math.max(end[0], free); free = end[0] + 13; }
    const over = Math.max(free - 13 - (PLOT + 14), 0);
    for (const [at, css, name] of ends) {
      const colour = css.split(" ").find((part) => /^c\d$/.test(part));
      parts.push(label(`label ${colour}`, RIGHT + 8, at - over + 4, cut(name, 16)));
    }
    return parts;
  }

  function laneParts(lane, y, x) {
    const parts = [label("tick", LEFT - 10, y + 4, cut(lane.name, 22), "end")];
    for (const [start, end, form, tip] of lane.spans) {
      const css = form === "quiet" ? "line quiet" : form === "vague" ? "line vague" : "line span c0";
      const path = line(css, x(start), y, Math.max(x(end), x(start) + 1), y);
      path.append(draw("title", {}, data.texts[tip]));
      parts.push(path);
      if (form === "goes on") parts.push(draw("path", { class: "sign open", d: moved("M-4 -4L2 0L-4 4", x(end) + 6, y) }));
    }
    let free = -Infinity;
    lane.marks.forEach(([day, kind, words, told], place) => {
      const at = x(day), tip = `${iso(day)}: ${words ? words + ", " : ""}${data.texts[told]}`;
      if (kind === "response") {
        const plain = words.replace(/^i(?=[A-Z])/, "").replace("UPD", "PD").replace("CPD", "PD");
        const colour = COLOURS[plain] === undefined ? 6 : COLOURS[plain];
        const sign = words === "iUPD" ? "sign open" : `bar c${colour}`;
        parts.push(draw("path", { class: sign, d: moved("M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z", at, y) }, draw("title", {}, tip)));
      } else {
        const css = FILLED.includes(kind) ? "sign filled" : "sign open";
        parts.push(draw("path", { class: css, d: moved(SIGNS[kind] || SIGNS.fact, at, y) }, draw("title", {}, tip)));
      }
      const width = 6.2 * words.length;
      // A word that would run into its neighbours is left to the table and to the pointer.
      const until = place + 1 < lane.marks.length ? x(lane.marks[place + 1][0]) - 5 : WIDTH;
      if (words && at + 7 > free && at + 7 + width < until) { parts.push(label("tick small", at + 7, y + 4, words)); free = at + 12 + width; }
    });
    return parts;
  }
  function moved(path, x, y) {
    // Only the first coordinates after M and L, and those of H and V, are absolute.
    return path.replace(/([MLHV])(-?[\d.]+)(?: (-?[\d.]+))?/g, (_all, command, a, b) =>
      command === "H" ? `H${(+a + x).toFixed(1)}` : command === "V" ? `V${(+a + y).toFixed(1)}` : `${command}${(+a + x).toFixed(1)} ${(+(b || 0) + y).toFixed(1)}`);
  }
  function legend(y) {
    const parts = [];
    let x = 12;
    for (const [kind, words] of LEGEND) {
      parts.push(draw("path", { class: FILLED.includes(kind) ? "sign filled" : "sign open", d: moved(SIGNS[kind], x, y - 4) }), label("tick", x + 10, y, words));
      x += 32 + 6.4 * words.length;
    }
    return parts;
  }

  function visits(path) {
    if (!shown.visits.length) return make("p", {}, "There is no assessment after baseline.");
    const days = [...new Set(shown.visits.map((visit) => visit[0]))].sort((a, b) => a - b);
    const streams = [...new Set(shown.visits.map((visit) => visit[1]))];
    const sums = new Map(path ? path.sums : []);
    const nadirs = new Map(path ? path.nadirs.map(([day, nadir]) => [day, nadir]) : []);
    const baseline = path && path.sums.length ? path.sums[0][1] : null;
    const head = ["Visit", "Day", ...(path ? ["Sum, mm", "From baseline", "From nadir"] : []), ...streams.map((one) => data.streams[one])];
    const rows = days.map((day) => {
      const sum = sums.has(day) ? sums.get(day) : null;
      const since = shown.origin === null ? "–" : String(day - shown.origin + (day >= shown.origin ? 1 : 0)).replace("-", "−");
      const cells = [since, ...(path ? [mm(sum), change(sum, baseline), change(sum, nadirs.has(day) ? nadirs.get(day) : null)] : [])];
      return make("tr", {}, make("th", { scope: "row" }, iso(day)), ...cells.map((words) => make("td", { class: "n" }, words)),
        ...streams.map((stream) => {
          const visit = shown.visits.find((one) => one[0] === day && one[1] === stream);
          return visit ? make("td", {}, make("b", {}, visit[2]), make("br"), make("small", {}, data.texts[visit[3]])) : make("td", {}, "–");
        }));
    });
    const caption = make("caption", {}, path ? `Visits; sums as read by ${path.names.join(", ")}` : "Visits");
    return make("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "Visits" },
      make("table", {}, caption, make("thead", {}, make("tr", {}, ...head.map((words) => make("th", { scope: "col" }, words)))), make("tbody", {}, ...rows)));
  }

  function story([ending, steps], place) {
    const [code, name] = data.endpoints[place];
    const summary = make("summary", {}, make("span", { class: "tag" }, code), ` ${name}: `, make("b", {}, ending));
    const details = make("details", { class: "story" }, summary);
    // Told when it is opened: most are not.
    const tell = () => {
      if (details.childElementCount > 1) return;
      for (const number of steps) {
        const [title, sentences] = data.steps[number];
        const said = new Set();
        details.append(make("h5", {}, data.texts[title]), ...sentences.map((one) => sentence(one, said)));
      }
    };
    details.addEventListener("toggle", tell);
    addEventListener("beforeprint", () => { if (details.isConnected && details.open) tell(); });
    return details;
  }
  function sentence(number, said) {
    const [text, rules, sources] = data.sentences[number];
    const parts = rules.map((rule) => {
      const [words, cited] = data.rules[rule].map((one) => data.texts[one]);
      const known = said.has(rule) || !words;
      said.add(rule);
      return make("small", { class: "rule" }, known ? ` [${cited}]` : ` “${words}” [${cited}]`);
    });
    const records = data.texts[sources];
    return make("p", {}, data.texts[text], ...parts, records ? make("small", { class: "source" }, ` ${records}`) : null);
  }

  panel.replaceChildren(
    make("div", { class: "chooser" },
      make("label", { for: "subject-search" }, "Find a subject by name, arm, response or outcome"), search, list,
      make("div", { class: "buttons" }, previous, next, found)),
    course);
  panel.hidden = false;
  offer();
  course.append(make("p", { class: "note" }, "Pick a subject to see its lesions, its timeline and the reason for each of its endpoints."));
  follow();
})();
