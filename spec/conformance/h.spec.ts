import { rows } from './h.ts';
import { prove } from './row.ts';

prove('H. Secret hygiene', rows);
