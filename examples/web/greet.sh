#!/bin/sh
echo "${GREETING:-Hello}, running $(. /etc/os-release && echo "$PRETTY_NAME")"
