import { rows } from './k.ts';
import { proveBridge } from './row.ts';

proveBridge('K. The bridge: what is said on it', rows);
