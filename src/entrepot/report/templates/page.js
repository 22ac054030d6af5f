(() => {
  "use strict";
  const all = (query, root = document) => [...root.querySelectorAll(query)];
  const read = (node) => JSON.parse(node.textContent);
  const views = new Map();
  const setupNode = document.getElementById("ep-setup");
  const setup = setupNode ? read(setupNode) : null;
  const worldNode = document.getElementById("ep-world");
  const world = worldNode ? read(worldNode) : null;

  // Colours are CSS variables in the page; a file that leaves it needs the colours themselves.
  const paint = (value) => JSON.parse(
    JSON.stringify(value).replace(/var\(--([a-z0-9-]+)\)/g, (whole, name) => setup.light[name] || whole));

  const fit = (spec, width) => {
    const out = { ...spec };
    if (out.usermeta && out.usermeta.aspect) {
      out.height = Math.round(Math.max(width * out.usermeta.aspect, Math.min(width, 260) * 0.6));
    }
    if (world) {
      const name = worldNode.dataset.name;
      out.layer = out.layer.map((layer) => layer.data && layer.data.name === name
        ? { ...layer, data: { values: world, format: layer.data.format } } : layer);
    }
    return out;
  };

  const options = (renderer, config) => ({
    actions: false, renderer, config, formatLocale: setup.locale, defaultStyle: false,
    tooltip: { disableDefaultStyle: true },
  });

  const specOf = (node) => read(document.querySelector(`script[data-for="${node.id}"]`));

  const draw = async (node) => {
    const spec = fit(specOf(node), node.clientWidth);
    const result = await vegaEmbed(node, spec, options("svg", setup.config));
    node.setAttribute("role", "img");
    node.style.minHeight = "";
    views.set(node.id, result.view);
  };

  const drawAll = async () => {
    for (const node of all(".chart")) {
      try {
        await draw(node);
      } catch (error) {
        node.textContent = "This chart could not be drawn; its data are below.";
        console.error(node.id, error);
      }
      await new Promise((next) => setTimeout(next, 0));
    }
    document.documentElement.dataset.charts = "drawn";
  };

  const unpack = async (text) => {
    const bytes = Uint8Array.from(atob(text.trim()), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };

  const save = (content, type, name) => {
    const link = document.createElement("a");
    link.href = typeof content === "string" && content.startsWith("data:")
      ? content : URL.createObjectURL(new Blob([content], { type }));
    link.download = name;
    link.click();
    if (link.href.startsWith("blob:")) setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  const cell = (value) => {
    const text = value === null ? "" : String(value);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };

  const toCsv = (table) => [table.columns.map((c) => c.name), ...table.rows]
    .map((row) => row.map(cell).join(",")).join("\n") + "\n";

  const picture = async (name, kind) => {
    const node = document.getElementById(`chart-${name}`);
    const holder = document.createElement("div");
    holder.style.cssText = `position:absolute;left:-9999px;width:${node.clientWidth}px`;
    document.body.append(holder);
    const spec = { ...paint(fit(specOf(node), node.clientWidth)), background: setup.light.paper };
    const made = await vegaEmbed(holder, spec, options("svg", paint(setup.config)));
    const url = await made.view.toImageURL(kind, 2);
    made.finalize();
    holder.remove();
    save(url, "", `${name}.${kind}`);
  };

  const get = async (kind, name) => {
    if (kind === "svg" || kind === "png") return picture(name, kind);
    if (kind === "csv") {
      return save(await unpack(document.querySelector(`[data-csv="${name}"]`).textContent), "text/csv", `${name}.csv`);
    }
    const text = await unpack(document.querySelector(`[data-result="${name}"]`).textContent);
    if (kind === "json") return save(text, "application/json", `${name}.json`);
    return save(toCsv(Object.values(JSON.parse(text).tables)[0]), "text/csv", `${name}.csv`);
  };

  const copy = async (button) => {
    const text = button.parentNode.querySelector("code").textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(button.parentNode.querySelector("code"));
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  };

  const show = (button) => {
    const view = views.get(button.closest("figure").querySelector(".chart").id);
    if (!view) return;
    all("button", button.parentNode).forEach((b) => b.setAttribute("aria-pressed", String(b === button)));
    view.signal("mode", button.dataset.mode).runAsync();
  };

  all(".get, [data-copy]").forEach((node) => { node.hidden = false; });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.get) get(button.dataset.get, button.dataset.name);
    else if ("copy" in button.dataset) copy(button);
    else if (button.dataset.mode) show(button);
  });
  addEventListener("beforeprint", () => all("details.aside").forEach((node) => { node.open = true; }));
  if (setup) drawAll();
})();
