#!/bin/sh
# Boots the image beside this file in QEMU, with user networking.
{%- if http %}
# The guest's HTTP at 127.0.0.1:8080.
{%- endif %}
{%- if dns %}
# The guest's DNS at 127.0.0.1:5353, UDP and TCP.
{%- endif %}
# More arguments are handed on: `-append WORDS` sets boot words, and `-netdev`,
# `-device` add a network of your own. Ctrl-C ends it.
cd "$(dirname "$0")" || exit

# KVM is no help where the processor cannot virtualise.
accel=tcg
if [ -r /dev/kvm ] && [ -w /dev/kvm ] && grep -Eqw 'vmx|svm' /proc/cpuinfo; then
    accel=kvm
fi
exec qemu-system-x86_64 -accel "$accel" \
{%- for group in arguments %}
    {{ group }}{% if not loop.last %} \{% endif %}
{%- endfor %} \
    "$@"
