#!/usr/bin/env -S node --optimize-for-size --max-semi-space-size=8
// V8 would rather reserve memory than collect garbage: with these, 100,000 letters pass through under 200 MB.
import '../lib/cli/older-node.ts';
import { run } from '../lib/cli/program.ts';

await run();
