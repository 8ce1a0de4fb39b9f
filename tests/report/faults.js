// What a reader of the page would stumble over, as it is shown now: a list of sentences.
// width: of the window, in CSS pixels. Called by browser.py.
function faultsOf(width, leastContrast, leastSize) {
  const found = [];

  function name(element) {
    const kind = element.getAttribute("class");
    return element.tagName.toLowerCase() + (kind ? "." + kind.trim().replace(/\s+/g, ".") : "");
  }

  function scrolls(element) {
    return ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
  }

  // Whatever stands in a box that scrolls by itself may be wider than the window.
  function inABox(element) {
    const box = element.parentElement && element.parentElement.closest(".box, pre");
    return Boolean(box) && scrolls(box);
  }

  // A color in any notation, as red, green, blue and alpha from 0 to 1.
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const known = new Map();
  function parts(color) {
    if (!known.has(color)) {
      context.clearRect(0, 0, 1, 1);
      context.fillStyle = color;
      context.fillRect(0, 0, 1, 1);
      known.set(color, [...context.getImageData(0, 0, 1, 1).data].map((part) => part / 255));
    }
    return known.get(color);
  }

  function over(front, back) {
    return [0, 1, 2].map((k) => front[k] * front[3] + back[k] * (1 - front[3])).concat(1);
  }

  // The color on which an element stands; null where the page leaves that to the browser.
  function behind(element) {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
      const color = parts(getComputedStyle(one).backgroundColor);
      layers.push(color);
      if (color[3] === 1) return layers.reduceRight((back, front) => over(front, back));
    }
    return null;
  }

  // Source: WCAG 2.2, relative luminance and contrast ratio.
  function luminance(color) {
    const linear = color
      .slice(0, 3)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  }

  function contrast(one, other) {
    const [dark, bright] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  }

  function opacity(element) {
    let product = 1;
    for (let one = element; one; one = one.parentElement) {
      product *= Number(getComputedStyle(one).opacity);
    }
    return product;
  }

  // The size of a letter as it comes out: a picture scales its text along with its viewBox.
  function sizeOf(element) {
    const size = parseFloat(getComputedStyle(element).fontSize);
    const scale = element instanceof SVGGraphicsElement ? element.getScreenCTM() : null;
    return scale ? size * Math.sqrt(Math.abs(scale.a * scale.d - scale.b * scale.c)) : size;
  }

  // Visible texts, each with the element that it stands in.
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const element = node.parentElement;
    const range = document.createRange();
    range.selectNodeContents(node);
    const seen = [...range.getClientRects()].some((box) => box.width > 0 && box.height > 0);
    if (node.data.trim() && seen && element.checkVisibility({ visibilityProperty: true })) {
      texts.push([node.data.trim().slice(0, 40), element]);
    }
  }
  if (!texts.length) found.push("text: nothing can be read here");

  for (const [text, element] of texts) {
    const style = getComputedStyle(element);
    const color = parts(element instanceof SVGElement ? style.fill : style.color);
    const back = behind(element);
    const where = `"${text}" in ${name(element)}`;
    if (back === null) {
      found.push(`contrast: ${where} stands on no color of the page's own`);
      continue;
    }
    const ratio = contrast(over([...color.slice(0, 3), color[3] * opacity(element)], back), back);
    if (ratio < leastContrast) found.push(`contrast: ${where} has ${ratio.toFixed(2)} : 1`);
    const size = sizeOf(element);
    if (size < leastSize) found.push(`size: ${where} is ${size.toFixed(1)} px tall`);
  }

  const root = document.documentElement;
  if (root.scrollWidth > width) found.push(`width: the page is ${root.scrollWidth} px wide`);
  if (innerWidth !== width) found.push(`width: the page is laid out for ${innerWidth} px`);
  for (const element of document.body.querySelectorAll("*")) {
    const box = element.getBoundingClientRect();
    const shown = box.width > 0 && box.height > 0 && !element.ownerSVGElement;
    if (shown && !inABox(element) && (box.left < -1 || box.right > width + 1)) {
      found.push(`width: ${name(element)} goes from ${box.left} to ${box.right} px`);
    }
    const clips = ["hidden", "clip"].includes(getComputedStyle(element).overflowX);
    if (shown && !element.closest("svg") && clips && element.scrollWidth > element.clientWidth) {
      found.push(`cut: the text of ${name(element)} is cut off`);
    }
  }

  for (const picture of document.querySelectorAll("svg")) {
    const frame = picture.getBoundingClientRect();
    const labels = [...picture.querySelectorAll("text")].filter((one) => one.checkVisibility());
    const boxes = labels.map((one) => one.getBoundingClientRect());
    const outside = (x, y) =>
      x < frame.left - 1 || x > frame.right + 1 || y < frame.top - 1 || y > frame.bottom + 1;
    boxes.forEach((box, k) => {
      const text = labels[k].textContent;
      if (outside(box.left, box.top) || outside(box.right, box.bottom)) {
        found.push(`cut: the label "${text}" leaves its picture`);
      }
      boxes.slice(0, k).forEach((other, j) => {
        // Lines of text may touch: their boxes are taller than their letters.
        const across = Math.min(box.right, other.right) - Math.max(box.left, other.left);
        const down = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
        if (across > 1 && down > 2) {
          found.push(`overlap: the labels "${labels[j].textContent}" and "${text}"`);
        }
      });
    });
    for (const point of picture.querySelectorAll(".p path")) {
      const at = point.getBoundingClientRect();
      if (outside(at.left + at.width / 2, at.top + at.height / 2)) {
        found.push(`cut: the point "${point.textContent}" leaves its picture`);
      }
    }
  }
  return found;
}

// Of each chart its caption, and of each of its curves what the points tell.
function chartsOf() {
  return [...document.querySelectorAll("svg.chart")].map((chart) => ({
    caption: chart.closest("figure").querySelector("figcaption").textContent.trim(),
    curves: [...chart.querySelectorAll(".p")].map((curve) =>
      [...curve.querySelectorAll("path > title")].map((title) => title.textContent),
    ),
  }));
}

// Whether the page is dark.
function isDark() {
  const [red, green, blue] = getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g);
  return Number(red) + Number(green) + Number(blue) < 384;
}
