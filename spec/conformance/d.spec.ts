import { rows } from './d.ts';
import { prove } from './row.ts';

prove('D. Methods and response modes', rows);
