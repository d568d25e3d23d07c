// Keyboard, the clip that must be played once, and where the focus goes. Everything works without this file, by forms.
"use strict";
(() => {
  const page = () => document.getElementById("page");
  const clip = () => document.querySelector("[data-clip]");
  const form = () => document.querySelector("[data-answer]");
  const played = new WeakSet();
  const broken = new WeakSet();
  const reached = new WeakMap();

  const say = (text) => {
    const place = document.querySelector("[data-fault]");
    place.textContent = text;
    place.hidden = false;
  };

  const ready = () => {
    const toggle = document.querySelector("[data-keys-on]");
    if (toggle) toggle.checked = keysOn();
    const media = clip();
    if (!media || media.dataset.watched) return;
    media.dataset.watched = "yes";
    const notice = document.querySelector("[data-broken]");
    // Only what was really played counts: jumping to the end does not.
    media.addEventListener("timeupdate", () => {
      const before = reached.get(media) ?? 0;
      if (media.currentTime - before < 1.5) reached.set(media, Math.max(before, media.currentTime));
      if (reached.get(media) >= media.duration - 0.4) played.add(media);
    });
    media.addEventListener("ended", () => { if ((reached.get(media) ?? 0) >= media.duration - 1.5) played.add(media); });
    media.addEventListener("error", () => { broken.add(media); notice.hidden = false; });
    media.addEventListener("loadeddata", () => { broken.delete(media); notice.hidden = true; });
    if (media.error) media.dispatchEvent(new Event("error"));
  };

  // Whoever speaks or types to their device by other means can switch the single keys off.
  const keysOn = () => sessionStorage.getItem("keys") !== "off";
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-keys-on]")) sessionStorage.setItem("keys", event.target.checked ? "on" : "off");
  });

  const open = () => [...document.querySelectorAll("[data-keys]")];
  const answered = (group) => group.querySelector("input:checked") !== null;

  const lacking = () => {
    const media = clip();
    if (media && !played.has(media)) return form().querySelector("[data-fault]").dataset.play;
    const empty = open().filter((group) => !answered(group));
    if (!empty.length) return null;
    empty[0].querySelector("input").focus();
    const names = empty.map((group) => group.querySelector("legend").textContent).join(", ");
    return form().querySelector("[data-fault]").dataset.missing.replace("{what}", names);
  };

  // Before htmx sends the form, and before the browser does where htmx is not there.
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-answer]")) return;
    const fault = lacking();
    if (!fault) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    say(fault);
  }, true);

  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-reload]")) return;
    const media = clip();
    media.load();
    media.focus();
  });

  document.addEventListener("keydown", (event) => {
    if (!form() || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    const at = event.target;
    if (at.matches("textarea, select, summary, a, button, input[type=text], input[type=checkbox]")) return;
    if (!keysOn() && event.key !== "Enter") return;
    const media = clip();
    const playing = event.key.toLowerCase() === "p" || (event.key === " " && !at.matches("input, video, audio"));
    if (playing && media) {
      event.preventDefault();
      if (media.paused) media.play(); else media.pause();
    } else if (event.key === "Enter") {
      event.preventDefault();
      form().requestSubmit();
    } else if (/^[1-9]$/.test(event.key)) {
      const groups = open();
      const group = at.closest("[data-keys]") ?? groups.find((each) => !answered(each));
      const chosen = group?.querySelectorAll("input")[Number(event.key) - 1];
      if (!chosen) return;
      event.preventDefault();
      chosen.checked = true;
      chosen.dispatchEvent(new Event("change", { bubbles: true }));
      const next = groups.find((each) => !answered(each));
      if (next) next.querySelector("input").focus(); else form().querySelector("button.main").focus();
    }
  });

  // What an owner is just filling in is not pulled away by the page's own refreshing.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.id === "live" && document.querySelector("#live details[open]")) event.preventDefault();
  });
  document.addEventListener("htmx:beforeRequest", () => document.getElementById("busy")?.classList.add("on"));
  document.addEventListener("htmx:afterRequest", () => document.getElementById("busy")?.classList.remove("on"));
  document.addEventListener("htmx:sendError", () => document.getElementById("busy")?.classList.remove("on"));
  document.addEventListener("htmx:afterSettle", (event) => {
    ready();
    // A new page begins at its top, for eyes and for screen readers; a live part of a page moves nothing.
    if (event.detail.elt === page() || event.detail.target?.id === "page") document.getElementById("main").focus({ preventScroll: true });
  });
  ready();
})();
