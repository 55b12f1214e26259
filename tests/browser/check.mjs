// Looks at one report in a real browser: `node check.mjs CHECK REPORT.html [OUTPUT]`.
// Exits with 0 where all holds, else says what does not. Called by tests/html.rs.
import { strict as assert } from "node:assert";
import { pathToFileURL } from "node:url";
import axe from "axe-core";
import puppeteer from "puppeteer-core";

const [name, report, output] = process.argv.slice(2);
const address = pathToFileURL(report).href;

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  // Chromium's own sandbox does not work for root, which continuous integration is.
  args: ["--disable-gpu", "--disable-dev-shm-usage", ...(process.getuid() === 0 ? ["--no-sandbox"] : [])],
  headless: true,
  protocolTimeout: 120_000,
});

/** A page on which everything that should not happen is noted in `page.wrong`. */
async function open({ hash = "", script = true, dark = false, width = 1280, height = 900 } = {}) {
  const page = await browser.newPage();
  page.wrong = [];
  page.on("console", (message) => page.wrong.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => page.wrong.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => { page.wrong.push(`dialog: ${dialog.message()}`); void dialog.dismiss(); });
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(address) && !url.startsWith("data:")) page.wrong.push(`request: ${url}`);
  });
  await page.evaluateOnNewDocument(() => {
    addEventListener("securitypolicyviolation", (event) => console.log("policy:", event.violatedDirective, event.blockedURI, event.sample));
  });
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }]);
  await page.setJavaScriptEnabled(script);
  await page.goto(address + hash);
  if (script) await page.waitForSelector("html[data-ready=yes]");
  return page;
}

function clean(page) {
  assert.deepEqual(page.wrong, [], "the page did what it should not");
}

/** The text of every cell of a column of the table of groups. */
const column = (page, sort) => page.evaluate((sort) => {
  const table = document.getElementById("groups");
  const index = [...table.tHead.rows[0].cells].findIndex((head) => head.dataset.sort === sort);
  return [...table.tBodies[0].rows].map((row) => row.cells[index].innerText);
}, sort);

const text = (page, selector) => page.$eval(selector, (part) => part.innerText);
const ids = (page, selector) => page.$$eval(selector, (parts) => parts.map((part) => part.id));

/** Waits until what was typed has been searched. */
const settled = (page, words) => page.waitForFunction(
  (words) => document.getElementById("groups-said").innerText.startsWith(words), { timeout: 20_000 }, words);

const checks = {
  async loads() {
    const page = await open();
    const [answer] = await page.$$eval(".answer", (parts) => parts.map((part) => part.innerText));
    assert.match(answer, /1 required purpose is BLOCKED/);
    const box = await page.$eval(".verdicts", (part) => part.getBoundingClientRect().top);
    assert.ok(box < 900, `the table of verdicts begins in the first screen, not at ${box}`);
    const all = await ids(page, "[id]");
    assert.equal(new Set(all).size, all.length, "an ID occurs twice");
    const dead = await page.$$eval("a[href^='#']", (links) => links.map((link) => link.getAttribute("href").slice(1).split("?")[0])
      .filter((place) => !document.getElementById(place)));
    assert.deepEqual(dead, [], "links lead nowhere");
    clean(page);
  },

  async groups() {
    const page = await open();
    assert.match(await text(page, "#groups-said"), /^333 of 333 groups/);
    assert.equal((await column(page, "class")).length, 100, "a page of rows");
    // Search: by port, by rule and port, by what is not wanted.
    await page.type("#q", "5672 deny");
    await settled(page, "4 of 333");
    assert.ok((await column(page, "rule")).every((rule) => rule.startsWith("UserRule_hardening-2026-01")));
    await page.$eval("#q", (field) => { field.value = ""; });
    await page.type("#q", "5672 -hardening");
    await page.waitForFunction(() => !document.querySelector("#groups tbody").innerText.includes("hardening"));
    const rules = await column(page, "rule");
    assert.ok(rules.length > 0 && rules.every((rule) => !rule.includes("hardening")));
    // Filter.
    await page.click("#filters button[type=reset]");
    await settled(page, "333 of 333");
    await page.select("#class", "open-unneeded");
    await settled(page, "2 of 333");
    assert.deepEqual(await column(page, "class"), ["open-unneeded", "open-unneeded"]);
    await page.click("#filters button[type=reset]");
    await settled(page, "333 of 333");
    // Sort: by number falling at first, then rising; the heading says which.
    const flows = async () => (await column(page, "flows")).map((cell) => Number(cell.replaceAll(",", "")));
    await page.click("th[data-sort=flows] button");
    let seen = await flows();
    assert.deepEqual(seen, [...seen].sort((a, b) => b - a));
    assert.equal(await page.$eval("th[data-sort=flows]", (head) => head.ariaSort), "descending");
    await page.click("th[data-sort=flows] button");
    seen = await flows();
    assert.deepEqual(seen, [...seen].sort((a, b) => a - b));
    await page.click("th[data-sort=source] button");
    const sources = await column(page, "source");
    assert.deepEqual(sources, [...sources].sort());
    // Pages.
    await page.click("[data-page='1']");
    assert.equal(await text(page, "#page-said"), "101 to 200 of 333");
    // By keyboard alone.
    await page.focus("th[data-sort=last] button");
    await page.keyboard.press("Enter");
    assert.equal(await page.$eval("th[data-sort=last]", (head) => head.ariaSort), "descending");
    clean(page);
  },

  async links() {
    // The state of the table is in the address, and comes back from there.
    const page = await open({ hash: "#traffic?q=5672&decision=deny&sort=flows&desc=1" });
    assert.match(await text(page, "#groups-said"), /^4 of 333/);
    assert.equal(await page.$eval("#decision", (field) => field.value), "deny");
    assert.deepEqual(await column(page, "flows"), ["110", "107", "103", "80"]);
    await page.select("#decision", "");
    await page.waitForFunction(() => !location.hash.includes("decision"));
    clean(page);
    // A link to a requirement opens what it is in.
    const closed = await page.$$eval("details:not([open]) tr[id]", (rows) => rows.map((row) => row.id));
    assert.ok(closed.length > 10);
    const other = await open({ hash: "#" + closed[5] });
    const seen = await other.evaluate((id) => {
      const box = document.getElementById(id).getBoundingClientRect();
      return box.height > 0 && box.top >= 0 && box.top < innerHeight;
    }, closed[5]);
    assert.ok(seen, "the requirement is in view");
    // The rule that decided leads to its groups.
    const link = await other.$eval(".finding a.rule", (link) => link.getAttribute("href"));
    await other.evaluate((link) => { location.hash = link; }, link);
    await other.waitForFunction(() => !document.getElementById("groups-said").innerText.startsWith("333"));
    const rules = await column(other, "rule");
    assert.ok(rules.length > 0 && rules.every((rule) => rule.includes("UserRule_hardening-2026-01")), link);
    // What is no link does no harm.
    const broken = await open({ hash: "#traffic?q=%E0%A4%A&class=nonsense&page=-7&sort=__proto__" });
    assert.match(await text(broken, "#groups-said"), /of 333 groups/);
    clean(other);
    clean(broken);
  },

  async times() {
    const page = await open();
    const view = () => page.$eval("#times .strip", (strip) => strip.getAttribute("viewBox"));
    const whole = await view();
    await page.click("[data-zoom=change]");
    const around = await view();
    assert.notEqual(around, whole);
    const [from, , length] = around.split(" ").map(Number);
    const first = await page.$$eval("#times .breaks", (marks) => Math.min(...marks.map((mark) => Number(mark.dataset.at))));
    assert.ok(from < first && first < from + length, "the first denial is in the window");
    assert.ok(await page.$$eval("#times .axis text", (ticks) => ticks.length >= 2), "the axis follows");
    await page.click("[data-zoom=all]");
    assert.equal(await view(), whole);
    // Dragging over a strip zooms.
    const strip = await page.$("#times .strip");
    await strip.scrollIntoView();
    const box = await strip.boundingBox();
    await page.mouse.move(box.x + box.width / 4, box.y + 10);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2, box.y + 12, { steps: 4 });
    await page.mouse.up();
    const dragged = (await view()).split(" ").map(Number);
    const minutes = Number(whole.split(" ")[2]);
    assert.ok(Math.abs(dragged[0] - minutes / 4) < 2 && Math.abs(dragged[2] - minutes / 4) < 2, dragged.join(" "));
    clean(page);
  },

  async copies() {
    const page = await open();
    await browser.defaultBrowserContext().overridePermissions("file://", ["clipboard-read", "clipboard-write"]).catch(() => {});
    await page.bringToFront();
    await page.evaluate(() => { navigator.clipboard.writeText = async (text) => { window.copied = text; }; });
    await page.click("#findings .copy");
    await page.waitForFunction(() => document.getElementById("said").textContent === "Copied");
    assert.match(await page.evaluate(() => window.copied), /Allow outbound TCP \(and UDP\) port 5672 to EventHub before rule/);
    // Where the browser has no clipboard for files, the old way.
    await page.evaluate(() => { navigator.clipboard.writeText = async () => { throw new Error("no"); }; document.getElementById("said").textContent = ""; });
    await page.click("#findings .copy");
    await page.waitForFunction(() => document.getElementById("said").textContent === "Copied");
    clean(page);
  },

  async incidents() {
    const page = await open();
    const told = await text(page, "#incidents");
    for (const part of ["2026-01-05T14:24:07", "UserRule_hardening-2026-01", "high:", "4 requirements"]) assert.ok(told.includes(part), `${part} in ${told}`);
    // The moment is marked in the time lines too, and said to those who do not see it.
    const strips = await page.$$eval("#times .strip", (all) => all.map((strip) => strip.getAttribute("aria-label")));
    assert.ok(strips.some((words) => /denied from 2026-01-05T14:24:07\S*, by UserRule_hardening-2026-01 of NSG-/.test(words)), strips.join("\n"));
    // Its commands are copied as they are.
    await page.evaluate(() => { navigator.clipboard.writeText = async (text) => { window.copied = text; }; });
    await page.click("#incidents .copy");
    await page.waitForFunction(() => document.getElementById("said").textContent === "Copied");
    assert.equal(await page.evaluate(() => window.copied), await page.$eval("#incidents pre", (block) => block.textContent));
    assert.match(await page.evaluate(() => window.copied), /^az network/m);
    // From an incident to what broke.
    const link = await page.$eval("#incidents dd a", (link) => link.getAttribute("href"));
    assert.match(link, /^#requirement\//);
    clean(page);
  },

  async scriptless() {
    const page = await open({ script: false });
    const body = await text(page, "body");
    for (const part of ["1 required purpose is BLOCKED", "NSG101", "NSG201", "Allow outbound TCP (and UDP) port 5672 to EventHub",
      "UserRule_hardening-2026-01", "tcp 10.20.0.68:36366 -> 20.86.89.27:5672", "PT1H.json:18646",
      "The first 50 of 333 groups", "interface-hours have records"]) assert.ok(body.includes(part), `without script: ${part}`);
    const shown = (selector) => page.$$eval(selector, (parts) => parts.filter((part) => part.getBoundingClientRect().height > 0).length);
    assert.equal(await shown("#filters, .zoom, .copy, #pager"), 0, "what only the script can do is not offered");
    assert.equal(await shown("#groups tbody tr"), 50);
    clean(page);
  },

  async accessible() {
    for (const dark of [false, true]) {
      for (const width of [1280, 420]) {
        const page = await open({ dark, width });
        await page.$$eval("details", (parts) => parts.forEach((part) => { part.open = true; }));
        await page.evaluate(axe.source);
        const { violations, passes } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
        const told = violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.length}, such as ${nodes[0].html.slice(0, 200)} ${nodes[0].failureSummary}`);
        assert.deepEqual(told, [], `faults, ${dark ? "dark" : "light"}, ${width} wide`);
        assert.ok(passes.length > 20, "axe looked at it");
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wide <= 0, `the page is ${wide} pixels too wide at ${width}`);
        clean(page);
        await page.close();
      }
    }
    // The first stop of the keyboard leads past the navigation.
    const page = await open();
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  },

  async print() {
    for (const script of [true, false]) {
      const page = await open({ script });
      await page.pdf({ path: `${output}${script ? "" : ".scriptless"}.pdf`, preferCSSPageSize: true });
      clean(page);
    }
  },

  async hostile() {
    for (const script of [true, false]) {
      const page = await open({ script });
      if (script) {
        await page.$$eval("details", (parts) => parts.forEach((part) => { part.open = true; }));
        await page.click(".finding a.rule");
        await page.waitForFunction(() => /^[1-9][0-9]* of /.test(document.getElementById("groups-said").innerText));
      }
      assert.equal(await page.evaluate(() => window.hit), undefined, "a name ran");
      const made = await page.$$eval("img, iframe, object, embed, base, form:not(#filters), a[href^=javascript], [onerror], [onload], [onclick], svg svg, style ~ style", (parts) => parts.map((part) => part.outerHTML.slice(0, 200)));
      assert.deepEqual(made, [], "a name became an element");
      assert.equal(await page.$$eval("script", (parts) => parts.length), 2);
      const body = await text(page, "body");
      for (const part of JSON.parse(process.env.NAMES)) assert.ok(body.includes(part), `the name is told as it is: ${part}`);
      assert.ok(!/[\u202a-\u202e\u2066-\u2069\u0000-\u0008\u001b]/.test(body), "what deceives the eye is written out");
      clean(page);
    }
  },

  async large() {
    const page = await open();
    assert.match(await text(page, "#groups-said"), /^1[0-9]{2},[0-9]{3} of 1/);
    assert.equal((await column(page, "port")).length, 100);
    await page.type("#q", "port-rule 54321");
    await page.waitForFunction(() => /^[1-9] of /.test(document.getElementById("groups-said").innerText));
    assert.ok((await column(page, "port")).every((port) => port === "tcp 54321"));
    await page.click("#filters button[type=reset]");
    await page.waitForFunction(() => /^1[0-9]{2},/.test(document.getElementById("groups-said").innerText));
    await page.click("th[data-sort=port] button");
    await page.click("th[data-sort=port] button");
    assert.ok((await column(page, "port"))[0].endsWith("65000"), "sorted");
    clean(page);
    const entry = await page.evaluate(() => performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd);
    console.log(`interactive after ${Math.round(entry)} ms`);
  },
};

try {
  assert.ok(Object.hasOwn(checks, name), `no such check: ${name}`);
  await checks[name]();
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await browser.close();
}
