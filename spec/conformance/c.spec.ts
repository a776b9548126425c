import { rows } from './c.ts';
import { prove } from './row.ts';

prove('C. Issuer, mix-up, exact redirect URI, JARM', rows);
