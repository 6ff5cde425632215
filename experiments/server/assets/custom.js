// Says in a sentence when the server has stopped answering; the page's own overlay is only a spinner.
(function () {
  const sentence = "The server has stopped answering. Decisions already made are safe in the ledger. " +
    "Start it again with clinictwin serve, then reload this page.";
  function look() {
    const overlay = document.querySelector(".v-overlay--active .v-progress-circular__info");
    const gone = Boolean(overlay && overlay.textContent.includes("disconnected"));
    let note = document.getElementById("ct-gone");
    if (gone && !note) {
      note = document.createElement("div");
      note.id = "ct-gone";
      note.setAttribute("role", "alert");
      note.textContent = sentence;
      document.body.appendChild(note);
    } else if (!gone && note) {
      note.remove();
    }
  }
  setInterval(look, 500);
})();
