import { Option } from 'commander';

/** Option whose values a shell can complete, though commander does not check them. */
export class OptionWithValues extends Option {
  constructor(
    flags: string,
    description: string,
    readonly values: readonly string[],
  ) {
    super(flags, description);
  }
}
