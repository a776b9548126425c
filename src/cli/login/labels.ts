import type { ReadSettings } from '../settings/read.ts';
import { nameOf } from '../settings/setting.ts';
import type { Config } from './config.ts';
import { settings } from './table.ts';

type Labelled = Pick<ReadSettings<Config>, 'labels'>;

/** Gives the name of a setting as its source has it. */
export function labelOf(key: string, { labels }: Labelled): string {
  const setting = settings.find((each) => each.key === key);
  return labels.get(key) ?? (setting ? nameOf(setting) : key);
}

/** Gives the layer that a setting is from: 3 for a flag, 2 for the environment, 1 for the profile, 0 for the rest of the file. */
export function layerOf(key: string, { labels }: Labelled): number {
  const label = labels.get(key) ?? '';
  if (label.startsWith('--')) return 3;
  if (!label.includes(' in ')) return 2;
  return label.startsWith('profiles.') ? 1 : 0;
}
