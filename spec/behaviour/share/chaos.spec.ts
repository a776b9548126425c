/** Ten processes on one port, killed at random: no sign-in of a process that lives is lost, and none crosses. `npm run chaos -- share`. */
import * as assert from '../../helpers/assert.ts';
import { chaosCount, chaosDeadline } from '../../helpers/chaos.ts';
import { CompiledPrograms } from '../../helpers/compiled-programs.ts';
import { visit } from '../../helpers/http.ts';
import { freePort } from '../../helpers/redis-server.ts';
import { newState } from '../../helpers/server.ts';
import { SecretFolder, Sharer, type Said } from '../../helpers/sharers.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('a shared port whose processes are killed');

const processes = 10;
const signIns = chaosCount(2_000);
/** Sign-ins that wait at a time. */
const atOnce = 20;
/** Sign-ins between two kills. */
const perKill = 20;

interface SignIn {
  readonly state: string;
  readonly owner: Member;
  /** Time at which its redirect was sent first. */
  sentAt: number;
  begun: () => void;
  ended: (code: string) => void;
}

/** A process and the sign-ins that it has begun. */
class Member {
  readonly process: Sharer;
  readonly ready: Promise<void>;
  /** Resolves once it is killed. */
  readonly gone: Promise<true>;
  serves = false;
  alive = true;
  #onGone: (gone: true) => void = () => undefined;

  constructor(process: Sharer, onSaid: (member: Member, said: Said) => void) {
    this.process = process;
    this.gone = new Promise((resolve) => (this.#onGone = resolve));
    let isReady: () => void;
    this.ready = new Promise((resolve) => (isReady = resolve));
    process.onSaid = (said) => {
      if (said.type === 'serves' || (said.type === 'ready' && said.serves)) this.serves = true;
      if (said.type === 'ready') isReady();
      onSaid(this, said);
    };
  }

  /** Counts it as killed, first of all. */
  leave(): void {
    this.alive = false;
    this.#onGone(true);
  }
}

/** The processes on one port, and the sign-ins that wait. */
class World implements AsyncDisposable {
  readonly #programs = new CompiledPrograms('sharer.ts');
  readonly #secret = new SecretFolder();
  readonly #members: Member[] = [];
  readonly #waiting = new Map<string, SignIn>();
  readonly port: number;
  readonly wrong: string[] = [];
  /** Milliseconds from each kill of the process that served to the next response. */
  readonly gaps: number[] = [];
  #killedAt: number | undefined;

  constructor(port: number) {
    this.port = port;
  }

  get alive(): Member[] {
    return this.#members.filter(({ alive }) => alive);
  }

  async add(): Promise<void> {
    const member = new Member(
      new Sharer(this.#programs.pathOf('sharer.ts'), this.port, this.#secret.path),
      (from, said) => this.#onSaid(from, said),
    );
    this.#members.push(member);
    member.process.onCrash = (stderr) => {
      this.wrong.push(`a process has ended by itself: ${stderr}`);
      member.leave();
    };
    await assert.deadline(member.ready, 'a process that is ready', 20_000);
  }

  /** Kills the process that serves, or another one, and starts a new one. */
  async kill(n: number): Promise<void> {
    const serving = this.alive.find(({ serves }) => serves);
    const victim = n % 3 === 2 ? this.alive.find(({ serves }) => !serves) : serving;
    if (!victim) return;
    victim.leave();
    if (victim === serving) this.#killedAt = performance.now();
    await victim.process[Symbol.asyncDispose]();
    await this.add();
  }

  /** Signs in once. Resolves with false if the process was killed meanwhile. */
  async signIn(owner: Member): Promise<boolean> {
    const state = newState();
    const code = `code-of-${state}`;
    let received: string | undefined;
    const ended = new Promise<void>((resolve) => {
      this.#waiting.set(state, {
        state,
        owner,
        sentAt: Infinity,
        begun: () => undefined,
        ended: (value) => {
          received = value;
          resolve();
        },
      });
    });
    const begun = new Promise<void>((resolve) => (this.#waiting.get(state)!.begun = resolve));
    owner.process.begin(state);
    if (await this.#isGoneBefore(begun, owner, `the flow of ${state}`)) return false;
    this.#waiting.get(state)!.sentAt = performance.now();
    // As a user does whose browser says that the page cannot be reached.
    while (received === undefined) {
      const status = await visit(this.port, `/callback?code=${code}&state=${state}`).then(
        (answer) => answer.status,
        () => 0,
      );
      if (status === 200 || !owner.alive) break;
      await new Promise(setImmediate);
    }
    if (await this.#isGoneBefore(ended, owner, `the response of ${state}`)) return false;
    if (received !== code) this.wrong.push(`${state} got ${received}`);
    this.#waiting.delete(state);
    return true;
  }

  /** Tells if a process was killed before something has happened. */
  #isGoneBefore(happened: Promise<void>, { gone }: Member, what: string): Promise<boolean> {
    return assert.deadline(Promise.race([happened.then(() => false), gone]), what, 30_000);
  }

  #onSaid(from: Member, said: Said): void {
    if (!('state' in said)) return;
    const signIn = this.#waiting.get(said.state);
    if (!signIn) {
      if (said.type === 'response') this.wrong.push(`${said.state} was answered twice`);
      return;
    }
    if (signIn.owner !== from) this.wrong.push(`${said.state} came to another process`);
    if (said.type === 'begun') signIn.begun();
    else if (said.type === 'failed') this.wrong.push(`${said.state} failed: ${said.code}`);
    else {
      if (this.#killedAt !== undefined && signIn.sentAt > this.#killedAt) {
        this.gaps.push(performance.now() - this.#killedAt);
        this.#killedAt = undefined;
      }
      signIn.ended(said.code);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#members.map(({ process }) => process[Symbol.asyncDispose]()));
    this.#programs[Symbol.dispose]();
    this.#secret[Symbol.dispose]();
  }
}

test(
  `${signIns} sign-ins of ${processes} processes: none lost, none crossed`,
  async () => {
    await using world = new World(await freePort());
    for (let n = 0; n < processes; n++) await world.add();
    let done = 0;
    let abandoned = 0;
    let started = 0;
    let kills = 0;
    const lane = async (): Promise<void> => {
      while (done < signIns) {
        const { alive } = world;
        if (await world.signIn(alive[started++ % alive.length]!)) done++;
        else abandoned++;
        if (Math.floor(done / perKill) > kills) await world.kill(kills++);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
    assert.equal(world.wrong, []);
    assert.ok(world.gaps.length > 0, 'the process that serves was killed');
    const gaps = world.gaps.sort((a, b) => a - b).map(Math.round);
    const p99 = gaps[Math.min(gaps.length - 1, Math.floor(gaps.length * 0.99))]!;
    console.log(
      `${done} sign-ins, ${kills} kills, ${abandoned} of killed processes; gaps ${gaps[0]} to ${p99} ms`,
    );
  },
  { deadline: chaosDeadline(120_000) },
);

test.run();
