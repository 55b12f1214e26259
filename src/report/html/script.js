"use strict";
// Searching, sorting and paging of flow groups, zooming of time lines, copying, links into closed parts.
// Everything else of the page works without this. Text from the audit enters as text only.
(() => {
  const find = (id) => document.getElementById(id);
  const say = (text) => { find("said").textContent = text; };
  const grouped = (number) => number.toLocaleString("en-US");
  const instant = (ms) => new Date(ms).toISOString().replace(".000Z", "Z");

  const bytes = (value) => {
    const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let unit = 0;
    while (value >= 1024 && unit < units.length - 1) { value /= 1024; unit += 1; }
    const shown = unit > 0 && value < 10 ? (Math.floor(value * 10) / 10).toFixed(1) : String(Math.floor(value));
    return shown + " " + units[unit];
  };

  // ---- Flow groups ----
  const groups = (() => {
    const table = find("groups");
    if (!table) return null;
    const { total, base, columns, texts } = JSON.parse(find("groups-data").textContent);
    const count = columns.flows.length;
    const PAGE = 100;
    const SEARCHED = ["class", "source", "destination", "protocol", "direction", "decision", "outcome", "rule", "given", "rows", "log"];
    const NUMBERS = ["port", "flows", "bytes", "first", "last"];
    const FALLING = ["flows", "bytes", "last"];
    const FIELDS = ["q", "class", "decision", "direction"];
    const heads = [...table.tHead.rows[0].cells];
    const state = { q: "", class: "", decision: "", direction: "", sort: "", desc: false, page: 1 };
    let lower = null;
    let order = [];

    // Each text is searched once, however many groups share it.
    const matches = (word) => {
      lower ??= texts.map((text) => text.toLowerCase());
      return lower.map((text) => text.includes(word));
    };

    const terms = (query) => [...query.toLowerCase().matchAll(/(-?)(?:"([^"]*)"?|(\S+))/g)]
      .map(([, not, quoted, word]) => ({ not: not === "-", word: quoted ?? word }))
      .filter(({ word }) => word !== "");

    const filtered = () => {
      const wanted = terms(state.q).map((term) => ({ ...term, hits: matches(term.word), port: /^\d+$/.test(term.word) ? Number(term.word) : -1 }));
      const equal = ["class", "decision", "direction"].filter((name) => state[name] !== "")
        .map((name) => [columns[name], texts.indexOf(state[name])]);
      const rows = [];
      for (let row = 0; row < count; row += 1) {
        if (equal.every(([column, text]) => column[row] === text) &&
            wanted.every(({ not, hits, port }) =>
              not !== (columns.port[row] === port || SEARCHED.some((name) => hits[columns[name][row]])))) rows.push(row);
      }
      return rows;
    };

    const keys = () => {
      if (NUMBERS.includes(state.sort)) return columns[state.sort].map((value) => value ?? -1);
      const sorted = texts.map((_, number) => number).sort((a, b) => (texts[a] < texts[b] ? -1 : texts[a] > texts[b] ? 1 : 0));
      const rank = [];
      sorted.forEach((text, place) => { rank[text] = place; });
      return columns[state.sort].map((text) => rank[text]);
    };

    const cells = (row) => {
      const text = (name) => texts[columns[name][row]];
      const time = (name) => (columns[name][row] === null ? "no time" : instant(base + columns[name][row]));
      const port = columns.port[row];
      return {
        class: text("class"), source: text("source"), destination: text("destination"),
        port: text("protocol") + (port === null ? "" : " " + port),
        direction: text("direction"), decision: text("decision") + (text("outcome") && ", " + text("outcome")),
        rule: text("rule"), given: text("given"), rows: short(text("rows")), flows: grouped(columns.flows[row]),
        bytes: bytes(columns.bytes[row]), first: time("first"), last: time("last"),
      };
    };

    const short = (rows) => {
      const all = rows.split(", ");
      return all.length > 2 ? all.slice(0, 2).join(", ") + ", +" + (all.length - 2) : rows;
    };

    const pages = () => Math.max(1, Math.ceil(order.length / PAGE));

    const show = () => {
      state.page = Math.min(Math.max(1, state.page), pages());
      const from = (state.page - 1) * PAGE;
      const body = document.createElement("tbody");
      for (const row of order.slice(from, from + PAGE)) {
        const line = body.insertRow();
        const values = cells(row);
        for (const head of heads) {
          const cell = line.insertCell();
          const name = head.dataset.sort;
          cell.textContent = values[name];
          if (head.classList.contains("number")) cell.className = "number";
          if (name === "first" || name === "last") cell.className = "mono";
        }
      }
      table.tBodies[0].replaceWith(body);
      const till = Math.min(from + PAGE, order.length);
      find("page-said").textContent = order.length === 0 ? "none" : grouped(from + 1) + " to " + grouped(till) + " of " + grouped(order.length);
      const [back, on] = find("pager").querySelectorAll("button");
      back.disabled = state.page <= 1;
      on.disabled = state.page >= pages();
      for (const head of heads) {
        if (head.dataset.sort === state.sort) head.setAttribute("aria-sort", state.desc ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      }
    };

    const update = () => {
      order = filtered();
      if (state.sort !== "") {
        const key = keys();
        const sign = state.desc ? -1 : 1;
        order.sort((a, b) => sign * (key[a] - key[b]) || a - b);
      }
      const beyond = total > count ? " (of " + grouped(total) + " in the audit; --format json has all)" : "";
      const text = grouped(order.length) + " of " + grouped(count) + " groups" + beyond;
      find("groups-said").textContent = text;
      show();
      return text;
    };

    const remember = () => {
      const query = new URLSearchParams();
      for (const name of [...FIELDS, "sort"]) if (state[name] !== "") query.set(name, state[name]);
      if (state.sort !== "" && state.desc) query.set("desc", "1");
      if (state.page > 1) query.set("page", state.page);
      const text = query.toString();
      history.replaceState(null, "", text === "" ? "#traffic" : "#traffic?" + text);
    };

    const changed = () => { say(update()); remember(); };

    // What a link asks for: #traffic?q=...&class=...&sort=flows&desc=1&page=2
    const restore = (text) => {
      const query = new URLSearchParams(text);
      for (const name of FIELDS) {
        state[name] = query.get(name) ?? "";
        find(name).value = state[name];
        // A value that the list lacks is no filter, rather than one that hides everything.
        state[name] = find(name).value;
      }
      const sort = query.get("sort") ?? "";
      state.sort = heads.some((head) => head.dataset.sort === sort) ? sort : "";
      state.desc = query.get("desc") === "1";
      state.page = Math.max(1, Number.parseInt(query.get("page") ?? "1", 10) || 1);
      say(update());
    };

    let waiting = 0;
    find("filters").hidden = false;
    find("pager").hidden = false;
    find("filters").addEventListener("submit", (event) => event.preventDefault());
    find("filters").addEventListener("reset", () => {
      for (const name of [...FIELDS, "sort"]) state[name] = "";
      state.page = 1;
      changed();
    });
    for (const name of FIELDS) {
      find(name).addEventListener("input", () => {
        state[name] = find(name).value;
        state.page = 1;
        clearTimeout(waiting);
        waiting = setTimeout(changed, 120);
      });
    }
    for (const head of heads) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const name = head.dataset.sort;
        state.desc = state.sort === name ? !state.desc : FALLING.includes(name);
        state.sort = name;
        state.page = 1;
        changed();
      });
    }
    find("pager").addEventListener("click", (event) => {
      const step = Number(event.target.dataset.page);
      if (!step) return;
      state.page += step;
      show();
      remember();
      say(find("page-said").textContent);
      table.scrollIntoView({ block: "start" });
    });
    update();
    return { restore };
  })();

  // ---- Time lines: one window for all ----
  (() => {
    const section = find("times");
    if (!section.dataset.minutes) return;
    const start = Number(section.dataset.start);
    const whole = Number(section.dataset.minutes);
    const strips = [...section.querySelectorAll(".strip")];
    const axis = section.querySelector(".axis");
    const buttons = section.querySelectorAll("[data-zoom]");
    const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 360, 720, 1440, 10080, 40320, 525600, 5256000];
    const breaks = [...section.querySelectorAll(".breaks")].map((mark) => Number(mark.dataset.at));
    const LEAST = Math.min(4, whole);
    let from = 0;
    let length = whole;

    const ticks = () => {
      const step = STEPS.find((minutes) => length / minutes <= 8) ?? 5256000;
      const origin = Math.floor(start / 60000);
      const begin = Math.ceil((origin + from) / step) * step;
      const texts = [];
      for (let minute = begin; minute - origin <= from + length; minute += step) {
        const text = document.createElementNS(axis.namespaceURI, "text");
        text.setAttribute("x", (((minute - origin - from) * 100) / length).toFixed(2) + "%");
        text.setAttribute("y", "14");
        const words = new Date(minute * 60000).toISOString();
        text.textContent = step >= 1440 ? words.slice(0, 10) : words.slice(11, 16);
        texts.push(text);
      }
      axis.replaceChildren(...texts);
    };

    const zoom = (begin, span) => {
      length = Math.min(whole, Math.max(LEAST, span));
      from = Math.min(whole - length, Math.max(0, begin));
      for (const strip of strips) strip.setAttribute("viewBox", [from, 0, length, strip.viewBox.baseVal.height].join(" "));
      ticks();
      const at = (minutes) => instant(Math.round(start / 1000 + minutes * 60) * 1000);
      find("zoom-window").textContent = at(from) + " to " + at(from + length);
      for (const button of buttons) {
        const way = button.dataset.zoom;
        button.disabled = (way === "in" && length <= LEAST) || (["out", "all"].includes(way) && length >= whole) ||
          (way === "back" && from <= 0) || (way === "on" && from + length >= whole) || (way === "change" && breaks.length === 0);
      }
    };

    const around = () => Math.min(...breaks);
    const ways = {
      in: () => zoom(from + length / 4, length / 2),
      out: () => zoom(from - length / 2, length * 2),
      back: () => zoom(from - length / 2, length),
      on: () => zoom(from + length / 2, length),
      change: () => zoom(around() - Math.max(5, whole / 24) / 2, Math.max(5, whole / 24)),
      all: () => zoom(0, whole),
    };
    section.querySelector(".zoom").hidden = false;
    for (const button of buttons) button.addEventListener("click", () => { ways[button.dataset.zoom](); say(find("zoom-window").textContent); });

    // Dragging over a strip zooms to what was dragged over.
    section.addEventListener("pointerdown", (down) => {
      const strip = down.target.closest(".strip");
      if (!strip || down.button !== 0 || down.pointerType === "touch") return;
      down.preventDefault();
      const box = strip.getBoundingClientRect();
      const shade = document.createElement("div");
      shade.className = "selection";
      document.body.append(shade);
      const within = (x) => Math.min(box.right, Math.max(box.left, x));
      const ends = (event) => [down.clientX, event.clientX].map(within).sort((a, b) => a - b);
      const move = (event) => {
        const [left, right] = ends(event);
        Object.assign(shade.style, { left: left + "px", width: right - left + "px", top: box.top + "px", height: box.height + "px" });
      };
      const up = (event) => {
        document.removeEventListener("pointermove", move);
        document.removeEventListener("pointerup", up);
        document.removeEventListener("pointercancel", up);
        shade.remove();
        const [left, right] = ends(event);
        if (event.type === "pointerup" && right - left > 6) zoom(from + ((left - box.left) / box.width) * length, ((right - left) / box.width) * length);
      };
      document.addEventListener("pointermove", move);
      document.addEventListener("pointerup", up);
      document.addEventListener("pointercancel", up);
    });
    zoom(0, whole);
  })();

  // ---- Copying ----
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Not allowed here: the old way, through a field.
      const field = document.createElement("textarea");
      field.value = text;
      document.body.append(field);
      field.select();
      const done = document.execCommand("copy");
      field.remove();
      if (!done) return say("The browser does not allow copying");
    }
    say("Copied");
  };
  for (const button of document.querySelectorAll(".copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await copy([...button.parentElement.querySelectorAll("p, pre")].map((line) => line.textContent).join("\n"));
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }

  // ---- Links into the page ----
  const follow = () => {
    const [place, query] = location.hash.slice(1).split(/\?(.*)/s);
    if (place === "traffic" && groups) groups.restore(query ?? "");
    const target = find(place);
    if (!target) return;
    for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
    if (query !== undefined || target.closest("details")) target.scrollIntoView();
  };
  addEventListener("hashchange", follow);
  if (location.hash !== "") follow();

  // ---- Print: what is closed is opened, and closed again ----
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const part of opened) part.open = true;
  });
  addEventListener("afterprint", () => {
    for (const part of opened) part.open = false;
    opened = [];
  });
  document.documentElement.dataset.ready = "yes";
})();
