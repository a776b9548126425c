import { rows } from './b.ts';
import { prove } from './row.ts';

prove('B. State, single use, PKCE, hand-over', rows);
