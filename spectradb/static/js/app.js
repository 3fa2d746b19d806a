// Every page: menu, theme, copying, keys. Nothing here is needed to read the site.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const live = (words) => { const box = $("#live"); if (box) box.textContent = words; };

  const menu = $("#menu");
  menu?.addEventListener("click", () => {
    const open = $("#top").classList.toggle("open");
    menu.setAttribute("aria-expanded", String(open));
  });

  // Theme: at once, and in a cookie that the server reads on the next page.
  $("#theme-form")?.addEventListener("submit", (event) => {
    event.preventDefault();
    const root = document.documentElement;
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    document.cookie = `theme=${root.dataset.theme};path=/;max-age=31536000;samesite=lax`;
    document.dispatchEvent(new CustomEvent("themechange"));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
    document.dispatchEvent(new CustomEvent("themechange")));

  const said = (element, text) => {
    const before = element.textContent;
    element.textContent = element.dataset.copied || text;
    live(element.textContent);
    setTimeout(() => { element.textContent = before; }, 1500);
  };
  document.addEventListener("click", (event) => {
    const copy = event.target.closest("[data-copy],[data-copy-text],[data-copy-url]");
    if (copy && navigator.clipboard) {
      event.preventDefault();
      const text = copy.dataset.copyText ?? (copy.href ? `curl "${copy.href}"` : location.href);
      navigator.clipboard.writeText(text).then(() => said(copy, "Copied"));
      return;
    }
    const row = event.target.closest("tr.link");
    if (row && !event.target.closest("a,input,button,label") && !getSelection().toString()) {
      const to = $("a.name", row);
      if (event.metaKey || event.ctrlKey) open(to.href); else to.click();
    }
  });

  // What scrolls sideways is reached by the keyboard, and named as its caption or its card is.
  const reachable = () => document.querySelectorAll(".scroll,.data-table").forEach((box) => {
    if (box.scrollWidth <= box.clientWidth && box.scrollHeight <= box.clientHeight) return;
    box.tabIndex = 0;
    const named = $("caption", box) ?? $("h2,h3,summary", box.closest("section,details") ?? document) ?? $("h1");
    if (box.ariaLabel || box.hasAttribute("aria-labelledby") || !named) return;
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", named.textContent.trim());
  });
  addEventListener("load", reachable);
  document.addEventListener("htmx:after:swap", reachable);

  // An address holds what was chosen, not what was left empty.
  document.addEventListener("formdata", (event) => {
    if (event.target.method !== "get") return;
    const kept = [...event.formData].filter(([, value]) => value !== "");
    for (const name of new Set(event.formData.keys())) event.formData.delete(name);
    for (const [name, value] of kept) event.formData.append(name, value);
  });

  // What refuses is told in its own words above the page, and what was there stays; an answer that
  // holds the part that was asked for is shown, whatever its status.
  const refuse = (title, words) => {
    const note = $("#refused") ?? Object.assign(document.createElement("div"), { id: "refused", className: "note bad" });
    note.setAttribute("role", "alert");
    note.replaceChildren(Object.assign(document.createElement("strong"), { textContent: title }), ` ${words}`);
    $("#main > .wrap").prepend(note);
    note.scrollIntoView({ block: "center" });
  };
  const again = (source) => {
    source?.removeAttribute("aria-busy");
    for (const button of source?.querySelectorAll(".nojs-only") ?? []) button.classList.remove("nojs-only");
  };
  document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
    const page = new DOMParser().parseFromString(ctx.text, "text/html");
    if (ctx.select && page.querySelector(ctx.select)) return;
    ctx.swap = "none";
    ctx.push = ctx.replace = "false";
    refuse($("main h1", page)?.textContent ?? "", $("main h1 + p", page)?.textContent ?? "");
    again(ctx.sourceElement);
  });
  document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
    if (!ctx?.sourceElement) return;
    refuse("", $("#live").dataset.lost);
    again(ctx.sourceElement);
  });
  document.addEventListener("htmx:before:swap", ({ detail: { ctx } }) => {
    if (!(ctx?.response?.status >= 400)) $("#refused")?.remove();
  });

  // A question before what cannot be undone.
  document.addEventListener("submit", (event) => {
    const words = event.target.dataset?.confirm;
    if (!words || event.target.dataset.sure) return;
    event.preventDefault();
    const dialog = document.createElement("dialog");
    dialog.className = "ask";
    const text = document.createElement("p");
    text.textContent = words;
    const yes = document.createElement("button");
    yes.className = "btn danger";
    yes.textContent = event.target.querySelector("button").textContent;
    const no = document.createElement("button");
    no.className = "btn";
    no.textContent = document.documentElement.lang === "ja" ? "戻る" : "Keep them";
    dialog.append(text, yes, no);
    document.body.append(dialog);
    no.addEventListener("click", () => dialog.remove());
    yes.addEventListener("click", () => { event.target.dataset.sure = "1"; event.target.requestSubmit(); });
    dialog.showModal();
    no.focus();
  });

  // Keys, which a reader can switch off.
  const keysOn = () => localStorage.getItem("keys") !== "off";
  const box = $("#keys-on");
  if (box) {
    box.checked = keysOn();
    box.addEventListener("change", () => localStorage.setItem("keys", box.checked ? "on" : "off"));
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input:not([type=checkbox]),select,textarea,[contenteditable],dialog")) return;
    if (event.key === "?") { $("#keys").showModal(); return; }
    if (!keysOn()) return;
    if (event.key === "/") {
      const find = $("#find") ?? $("input[type=search]");
      if (find) { event.preventDefault(); find.focus(); find.select(); }
    }
    document.dispatchEvent(new CustomEvent("sitekey", { detail: { key: event.key, event } }));
  });
})();
