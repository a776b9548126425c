import { rows } from './e.ts';
import { prove } from './row.ts';

prove('E. Loopback listener', rows);
