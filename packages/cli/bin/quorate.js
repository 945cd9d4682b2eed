#!/usr/bin/env -S node --max-semi-space-size=32 --heap-growing-percent=40
import '../dist/main.js';
