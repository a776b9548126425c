import { rows } from './g.ts';
import { prove } from './row.ts';

prove('G. The page the browser gets', rows);
