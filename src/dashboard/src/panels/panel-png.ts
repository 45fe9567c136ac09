/** Pixels a CSS pixel becomes: enough for a projector. */
const SCALE = 2;

const XHTML = "http://www.w3.org/1999/xhtml";

/** Set on what belongs to the page and not to a picture of the panel. */
export const NOT_IN_PICTURES = "data-not-in-pictures";

/**
 * An element as it looks now. The browser itself draws a copy, which carries its styles along, as a
 * picture that may load nothing. Throws where the browser does not let such a picture be saved.
 */
export async function pngOf(element: HTMLElement): Promise<Blob> {
  const { width, height } = element.getBoundingClientRect();
  const picture = new Image();
  picture.src = svgUrl(styledCopy(element), width, height);
  await picture.decode();
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * SCALE);
  canvas.height = Math.round(height * SCALE);
  const context = canvas.getContext("2d");
  context?.scale(SCALE, SCALE);
  context?.drawImage(picture, 0, 0, width, height);
  return new Promise((resolve, reject) =>
    canvas.toBlob((png) => (png === null ? reject(new Error("no picture")) : resolve(png))),
  );
}

function svgUrl(copy: HTMLElement, width: number, height: number): string {
  copy.setAttribute("xmlns", XHTML);
  const markup = new XMLSerializer().serializeToString(copy);
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">` +
    `<foreignObject width="100%" height="100%">${markup}</foreignObject></svg>`;
  return `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
}

/** A copy that looks the same without the page's style sheet. */
function styledCopy(element: HTMLElement): HTMLElement {
  const copy = element.cloneNode(true) as HTMLElement;
  const originals = [element, ...element.querySelectorAll<HTMLElement | SVGElement>("*")];
  const copies = [copy, ...copy.querySelectorAll<HTMLElement | SVGElement>("*")];
  for (const [index, original] of originals.entries()) {
    const target = copies[index];
    const style = getComputedStyle(original);
    for (const property of style) {
      target?.style.setProperty(property, style.getPropertyValue(property));
    }
  }
  for (const unwanted of copy.querySelectorAll(`[${NOT_IN_PICTURES}]`)) {
    unwanted.remove();
  }
  return copy;
}
