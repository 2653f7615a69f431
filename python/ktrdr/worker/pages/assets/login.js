"use strict";
document.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const token = document.querySelector("#token").value;
  const said = document.querySelector("[role=alert]");
  try {
    const answer = await fetch("/session", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token }),
    });
    if (answer.ok) { location.reload(); return; }
    said.textContent = (await answer.json()).error.message;
  } catch { said.textContent = "The worker does not answer."; }
});
