import { rows } from './f.ts';
import { prove } from './row.ts';

prove('F. HTTP request validation and limits', rows);
