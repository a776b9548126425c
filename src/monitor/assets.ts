// Used only when the sources run. The build replaces this module with the bundled texts.
import { bundlePage } from '../../tools/monitor-page.mjs';

export const { script, style } = bundlePage();
