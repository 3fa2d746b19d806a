// A series is sent in pieces (tus): paused, gone on with, also after the page was left.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const job = JSON.parse($("send-job").textContent);
  const outcome = $("outcome");
  if (outcome) {
    const look = async () => {
      const answer = await fetch(location.href);
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!page.getElementById("outcome")?.dataset.open) location.reload();
    };
    if (outcome.dataset.open) setInterval(() => { if (!document.hidden) look(); }, 2000);
    return;
  }
  const form = $("send"), told = $("told"), bar = $("bar"), go = $("go"), pause = $("pause");
  const AT_ONCE = 2;
  const RETRIES = [0, 1000, 3000, 5000, 10000, 20000, 30000, 60000];  // ms
  const csrf = form.querySelector("[name=csrfmiddlewaretoken]").value;
  let chosen = [], queue = [], running = [], paused = false, began = 0, before = 0;
  const arrived = new Map();  // bytes by file

  const size = (n) => {
    const units = ["B", "KB", "MB", "GB", "TB"];
    let i = 0;
    while (n >= 1000 && i < units.length - 1) { n /= 1000; i += 1; }
    return `${n.toFixed(i && n < 100 ? 1 : 0)} ${units[i]}`;
  };
  const refuse = (words) => { $("refused").textContent = words; $("refused").hidden = !words; };
  const same = (file, known) =>
    file.size === known.size && String(file.lastModified) === known.modified;

  const choose = (files) => {
    const empty = files.filter((file) => !file.size);
    chosen = files.filter((file) => file.size && !file.name.startsWith("."));
    const names = chosen.slice(0, 5).map((file) => file.name).join(", ");
    const total = size(chosen.reduce((sum, file) => sum + file.size, 0));
    $("chosen").textContent = chosen.length ? `${names}${chosen.length > 5 ? " …" : ""} (${chosen.length}, ${total})` : "";
    refuse(empty.length ? `${told.dataset.empty} ${empty.slice(0, 5).map((file) => file.name).join(", ")}` : "");
  };
  for (const id of ["id_files", "id_folder"])
    $(id).addEventListener("change", (event) => choose([...event.target.files]));

  // A folder that is dropped: its files, not those of folders in it, as everywhere.
  const inside = (entry) => new Promise((resolve) => {
    const reader = entry.createReader(), found = [];
    const more = () => reader.readEntries((entries) => {
      if (!entries.length) { resolve(found); return; }
      found.push(...entries);
      more();
    }, () => resolve(found));
    more();
  });
  const file_of = (entry) => new Promise((resolve) => entry.file(resolve, () => resolve(null)));
  for (const name of ["dragover", "dragleave", "drop"]) $("drop").addEventListener(name, async (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", name === "dragover");
    if (name !== "drop") return;
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const lists = await Promise.all(entries.map((one) => (one.isDirectory ? inside(one) : [one])));
    const files = await Promise.all(lists.flat().filter((one) => one.isFile).map(file_of));
    choose(files.filter(Boolean));
  });

  const show = () => {
    const here = [...arrived.values()].reduce((sum, n) => sum + n, 0);
    bar.max = job.n_bytes;
    bar.value = here;
    let words = told.dataset.of.replace("{here}", size(here)).replace("{all}", size(job.n_bytes));
    const seconds = (Date.now() - began) / 1000;
    if (!paused && seconds > 3 && here > before) {
      const rate = (here - before) / seconds;
      words += ` · ${told.dataset.left.replace("{rate}", size(rate)).replace("{minutes}", Math.max(1, Math.round((job.n_bytes - here) / rate / 60)))}`;
    }
    told.textContent = paused ? `${words}. ${told.dataset.paused}` : words;
  };

  const stop = (words) => {
    paused = true;
    for (const one of running) one.abort();
    running = [];
    pause.hidden = true;
    go.hidden = false;
    refuse(words);
  };

  const next = () => {
    if (paused) return;
    if (!queue.length && !running.length) {
      told.textContent = told.dataset.done;
      location.assign(job.sent);
      return;
    }
    while (running.length < AT_ONCE && queue.length) {
      const upload = queue.shift();
      running.push(upload);
      upload.start();
    }
  };

  const sending = (file) => {
    const known = job.known.find((one) => one.name === file.name);
    const upload = new tus.Upload(file, {
      endpoint: job.files,
      uploadUrl: known ? known.at : null,
      chunkSize: job.piece,
      retryDelays: RETRIES,
      uploadDataDuringCreation: true,
      storeFingerprintForResuming: false,  // the page knows what is here, whichever browser sent it
      headers: { "X-CSRFToken": csrf },
      metadata: { filename: file.name, modified: String(file.lastModified) },
      onUploadUrlAvailable: () => {
        if (!job.known.some((one) => one.name === file.name))
          job.known.push({ name: file.name, size: file.size, modified: String(file.lastModified), at: upload.url });
      },
      onProgress: (sent) => { arrived.set(file, sent); show(); },
      onChunkComplete: (piece, sent) => { arrived.set(file, sent); show(); },
      onShouldRetry: (error) => {
        const status = error.originalResponse ? error.originalResponse.getStatus() : 0;
        if (!status) told.textContent = told.dataset.lost;
        return !status || status >= 500 && status !== 507 || status === 423 || status === 409 || status === 429;
      },
      onSuccess: () => {
        running = running.filter((one) => one !== upload);
        arrived.set(file, file.size);
        show();
        next();
      },
      onError: (error) => {
        const answer = error.originalResponse;
        if (answer && answer.getStatus() === 401) stop(told.dataset.signedOut);
        else stop(answer ? answer.getBody() || `HTTP ${answer.getStatus()}` : told.dataset.lost);
      },
    });
    return upload;
  };

  const announce = async () => {
    const data = new FormData(form);
    data.set("n_files", chosen.length);
    data.set("n_bytes", chosen.reduce((sum, file) => sum + file.size, 0));
    const answer = await fetch(form.action, { method: "POST", body: data });
    if (answer.redirected) { location.assign(answer.url); return false; }
    const type = answer.headers.get("Content-Type") || "";
    const words = type.includes("json") ? await answer.json() : { detail: `HTTP ${answer.status}` };
    if (!answer.ok) { refuse(words.detail); return false; }
    Object.assign(job, words, { n_bytes: Number(data.get("n_bytes")), known: [] });
    history.replaceState(null, "", job.sent);  // what is loaded again goes on there
    return true;
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    refuse("");
    if (!chosen.length) { refuse(told.dataset.none); return; }
    if (job.known) {
      const other = chosen.filter((file) => job.known.some((one) => one.name === file.name && !same(file, one)));
      if (other.length) { refuse(`${told.dataset.other} ${other.map((file) => file.name).join(", ")}`); return; }
    } else {
      go.disabled = true;
      const good = await announce().catch(() => { refuse(told.dataset.lost); return false; });
      go.disabled = false;
      if (!good) return;
    }
    for (const file of chosen) {
      const known = job.known.find((one) => one.name === file.name);
      arrived.set(file, known ? known.offset || 0 : 0);
    }
    before = [...arrived.values()].reduce((sum, n) => sum + n, 0);
    began = Date.now();
    paused = false;
    queue = chosen.map(sending);
    running = [];
    $("on-the-way").hidden = false;
    go.hidden = true;
    pause.hidden = false;
    pause.textContent = pause.dataset.off;
    show();
    next();
  });

  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? pause.dataset.on : pause.dataset.off;
    if (paused) for (const one of running) one.abort();
    else {
      began = Date.now();
      before = [...arrived.values()].reduce((sum, n) => sum + n, 0);
      for (const one of running) one.start();
      next();
    }
    show();
  });
  addEventListener("beforeunload", (event) => { if (running.length && !paused) event.preventDefault(); });
})();
