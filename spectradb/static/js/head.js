// Before the first paint: only what would otherwise make the page jump.
document.documentElement.classList.remove("no-js");
