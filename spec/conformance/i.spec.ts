import { rows } from './i.ts';
import { prove } from './row.ts';

prove('I. Stream and process lifecycle', rows);
