import { rows } from './a.ts';
import { prove } from './row.ts';

prove('A. Parsing the authorization response', rows);
