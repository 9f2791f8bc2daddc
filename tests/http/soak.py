#!/usr/bin/python3
"""The long version of test_load: wrk with 64 connections for a minute, by hand.

    soak.py BUILD [SECONDS]
"""
import os
import sys

sys.argv[1:] = sys.argv[1:] or ["build"]
os.environ["TEST_LOAD_SECONDS"] = sys.argv[2] if len(sys.argv) > 2 else "60"
sys.argv[2:] = ["load"]
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import run

run.LIMIT_S = 2 * int(os.environ["TEST_LOAD_SECONDS"]) + 60
sys.exit(run.main())
