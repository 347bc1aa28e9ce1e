/* The slider of the page on beta. BETA is made when the documentation is built (docs/interactive.py). */
"use strict";

(() => {
  const root = document.getElementById("beta");
  const [output, slider, tail, svg, pairs] = ["output", "input", ".tail", "svg", ".pairs"].map((name) =>
    root.querySelector(name),
  );
  const folder = "../_static/generated/";
  const colors = ["#e66100", "#2a7fbf"];
  const side = 128;

  svg.innerHTML =
    '<path class="area"/>' +
    [-Math.log(2), Math.log(2)].map((x) => `<path class="edge" d="M${x} 0V1.4"/>`).join("") +
    '<path class="axis" d="M-1.7 1.38H1.7"/>';
  const area = svg.querySelector(".area");

  const rows = BETA.toys.map((name) => {
    const row = document.createElement("div");
    const canvases = ["a toy with the boxes of two crops", "view 1", "view 2"].map((shown) => {
      const canvas = document.createElement("canvas");
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", shown);
      canvas.width = canvas.height = side;
      row.append(canvas);
      return canvas.getContext("2d");
    });
    pairs.append(row);
    const image = new Image();
    image.addEventListener("load", show);
    image.src = folder + name;
    return { image, canvases };
  });

  function show() {
    const stop = BETA.stops[Number(slider.value)];
    output.textContent = stop.beta;
    tail.textContent = `${Math.round(100 * stop.tail)} % of pairs differ by more than 2 : 1 in area.`;
    const points = BETA.u.map((u, k) => `L${u} ${1.38 - stop.density[k]}`).join("");
    area.setAttribute("d", `M${BETA.u[0]} 1.38${points}L${BETA.u.at(-1)} 1.38Z`);
    rows.forEach(({ image, canvases }, k) => {
      if (!image.complete) return;
      const [whole, ...views] = canvases;
      const scale = side / BETA.size;
      whole.drawImage(image, 0, 0, side, side);
      stop.pairs[k].forEach((box, view) => {
        whole.lineWidth = views[view].lineWidth = 3;
        whole.strokeStyle = views[view].strokeStyle = colors[view];
        whole.strokeRect(...box.map((x) => x * scale));
        views[view].drawImage(image, ...box, 0, 0, side, side);
        views[view].strokeRect(1.5, 1.5, side - 3, side - 3);
      });
    });
  }

  slider.addEventListener("input", show);
  show();
})();
