import type { Page } from 'playwright-core';

/** The lowest contrast of any text with what it stands on, and that text. */
export interface Contrast {
  contrast: number;
  text: string;
}

/** Finds the lowest contrast of everything that the page shows. */
export function lowestContrast(page: Page): Promise<Contrast> {
  return page.evaluate<Contrast>(`(() => {${contrastFunction} return lowestContrast(); })()`);
}

/** For scripts that run in the page. @see WCAG 2.2, relative luminance and contrast ratio */
export const contrastFunction = `
const lowestContrast = () => {
  const canvas = document.createElement('canvas').getContext('2d');
  const luminance = (color) => {
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue] = [...canvas.getImageData(0, 0, 1, 1).data]
      .map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (element) => {
    const { backgroundColor } = getComputedStyle(element);
    return backgroundColor === 'rgba(0, 0, 0, 0)' && element.parentElement ? ground(element.parentElement) : backgroundColor;
  };
  const texts = [...document.body.querySelectorAll('*')].filter(
    (element) =>
      !['script', 'noscript', 'option'].includes(element.localName) &&
      element.checkVisibility() &&
      [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()),
  );
  const contrasts = texts.map((element) => {
    const [dark, light] = [getComputedStyle(element).color, ground(element)].map(luminance).sort((a, b) => a - b);
    return { contrast: (light + 0.05) / (dark + 0.05), text: element.textContent };
  });
  return contrasts.reduce((a, b) => (a.contrast <= b.contrast ? a : b));
};`;
