import type { Measure } from '../context.ts';
import { fire, withReceivers } from '../receivers.ts';
import { compare } from '../rounds.ts';
import { throughput } from './redirects.ts';

const each = 10_000;
const waiting = 100_000;

export const express: Measure = async ({ rounds, tell }) =>
  withReceivers(['callback-server', 'express-server'], { notes: 'arrival', waiting }, async (receivers) => {
    const comparison = await compare(rounds, () => fire(receivers, each), tell);
    return [throughput('express', 'redirects/s ÷ Express', 4, comparison)];
  });
