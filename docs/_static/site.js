/* A button on every block of code that copies it: without prompts, and without what prompts answer. */
"use strict";

function codeOf(pre) {
  const lines = pre.textContent.replace(/\n$/, "").split("\n");
  const prompt = /^(>>>|\.\.\.|\$)( |$)/;
  if (!prompt.test(lines[0])) return lines.join("\n");
  const typed = [];
  let goesOn = false;
  for (const line of lines) {
    if (prompt.test(line) || goesOn) typed.push(line.replace(prompt, ""));
    goesOn = (prompt.test(line) || goesOn) && line.endsWith("\\");
  }
  return typed.join("\n");
}

document.addEventListener("DOMContentLoaded", () => {
  for (const pre of document.querySelectorAll("div.highlight > pre")) {
    const button = document.createElement("button");
    button.className = "copy";
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(codeOf(pre));
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
    pre.parentElement.append(button);
  }
});
