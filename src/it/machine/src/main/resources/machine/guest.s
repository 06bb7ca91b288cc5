# What the two harts do. They leave the same memory behind on each run, whatever came between them:
# that is how the test sees that no access went astray.

# ---------------------------------------------------------------- where everything is
.equ INTERRUPTS 0x02000000      # a word for each hart: 1 interrupts it
.equ UART       0x10000000
.equ DISK       0x10001000      # descriptors, available, used; 24: notify, 32: acknowledge
.equ POWER      0x10002000      # reads as 1 when the button was pressed; a store turns the machine off
.equ CLOCK      0x20000000
.equ LATEST     0x20000100      # the latest time that was read
.equ SCREEN     0x30000000
.equ SCREEN_END 0x30010000
.equ NOTHING    0x38000000      # there is no memory

.equ VARIABLES  0x40000000      # 0: a lock, 8 16 24 32: counters, 40: harts that came to a barrier,
                                # 48: interrupts taken, 56: errors, 64: prime numbers; 128: traps by cause
.equ TRAPS      0x40000080
.equ SAVED      0x40000800      # registers of a trap, 64 bytes for each hart
.equ QUEUE      0x40001000      # 0: descriptors, 0x200: available, 0x300: used, 0x400: header, 0x410: status
.equ OUTWARDS   0x40002e00      # 1024 bytes, in two pages
.equ INWARDS    0x40004d00      # 1024 bytes, in two pages
.equ SIEVE      0x40100000
.equ NUMBERS    0x40300000
.equ FAR        0x48000000
.equ FAR_END    0x50000000

.equ ROUNDS     20000
.equ MESSAGES   100
.equ SIEVED     300000
.equ SORTED     8000            # bytes: 1000 numbers
.equ FRAMES     50
.equ TRANSFERS  32

# ---------------------------------------------------------------- both harts begin here
start:
        li      t0, trap
        csrw    mtvec, t0
        csrr    s11, mhartid
        li      t0, SAVED
        slli    t1, s11, 6
        add     t0, t0, t1
        csrw    mscratch, t0
        li      gp, VARIABLES
        bnez    s11, second

# ---------------------------------------------------------------- hart 0: traps, a sieve, the disk
        li      a1, hello
        call    print
        li      t0, NOTHING
        ld      t1, 0(t0)               # each of these is a trap, counted by its cause
        sd      t1, 0(t0)
        li      t0, start
        sd      t1, 0(t0)               # a ROM
        ld      t1, 4(gp)               # not aligned
        sh      t1, 1(gp)
        .word   0
        call    count
        li      a0, 2
        call    meet
        li      a1, counted
        call    print

        li      t0, 8
        csrw    mie, t0                 # the other hart may interrupt the sieve
        csrrs   zero, mstatus, t0
        call    sieve
        li      t1, MESSAGES
all_messages:
        ld      t0, 48(gp)
        bne     t0, t1, all_messages
        li      t0, 8
        csrrc   zero, mstatus, t0
        li      a1, sieved
        call    print

        call    transfer
        li      a0, 4
        call    meet                    # the screen is painted
        li      a1, results
        call    print
        addi    s0, gp, 8
        addi    s1, gp, 72
result: ld      a1, 0(s0)
        call    hex
        addi    s0, s0, 8
        bne     s0, s1, result
        li      s0, SCREEN
        li      s1, SCREEN_END
        li      a1, 0
checksum:
        ld      t0, 0(s0)
        li      t1, 31
        mul     a1, a1, t1
        add     a1, a1, t0
        addi    s0, s0, 8
        bne     s0, s1, checksum
        call    hex
        li      t0, POWER
        sw      zero, 0(t0)
        j       halt

# ---------------------------------------------------------------- hart 1: messages, a sort, the screen, far pages
second: call    count
        li      a0, 2
        call    meet
        li      s0, 0
        li      s1, MESSAGES
message:
        li      t0, INTERRUPTS
        li      t1, 1
        sw      t1, 0(t0)               # hart 0 counts it
        addi    s0, s0, 1
unread: ld      t0, 48(gp)
        bne     t0, s0, unread
        bne     s0, s1, message
        call    sort

        li      s0, 1
        li      s1, FRAMES
frame:  mv      a0, s0
        call    paint
        call    clock
        addi    s0, s0, 1
        bge     s1, s0, frame
        mv      s0, s1                  # the last one again and again, until somebody wants the end
        li      t0, POWER
        lw      t0, 0(t0)
        beqz    t0, frame

        li      t0, FAR                 # one page of each MiB
        li      t1, FAR_END
        li      t2, 0x100000
far:    sd      t0, 0(t0)
        add     t0, t0, t2
        bne     t0, t1, far
        li      a0, 4
        call    meet
halt:   wfi
        j       halt

# ---------------------------------------------------------------- counts, in four ways that need atomics
count:  li      s0, ROUNDS
        li      t0, 1
        addi    a0, gp, 8
        addi    a1, gp, 16
        addi    a2, gp, 32
round:  amoadd.d zero, t0, (a0)
again:  lr.d    t1, (a1)
        addi    t1, t1, 1
        sc.d    t2, t1, (a1)
        bnez    t2, again
lock:   amoswap.w t1, t0, (gp)
        bnez    t1, lock
        ld      t1, 24(gp)              # alone here
        addi    t1, t1, 1
        sd      t1, 24(gp)
        amoswap.w zero, zero, (gp)
        slli    t1, s0, 1
        add     t1, t1, s11
        amomax.d zero, t1, (a2)
        addi    s0, s0, -1
        bnez    s0, round
        ret

# ---------------------------------------------------------------- waits until so many have come: a0
meet:   addi    t0, gp, 40
        li      t1, 1
        amoadd.d zero, t1, (t0)
not_all:
        ld      t1, 0(t0)
        blt     t1, a0, not_all
        fence
        ret

# ---------------------------------------------------------------- prime numbers
sieve:  li      s0, 2                   # a number
        li      s1, SIEVED
        li      s2, SIEVE               # a byte for each: 1 if it is a product
        li      s3, 0                   # primes
        li      t2, 1
number: add     t0, s2, s0
        lbu     t1, 0(t0)
        bnez    t1, product
        addi    s3, s3, 1
        add     t1, s0, s0
multiple:
        bge     t1, s1, product
        add     t0, s2, t1
        sb      t2, 0(t0)
        add     t1, t1, s0
        j       multiple
product:
        addi    s0, s0, 1
        bne     s0, s1, number
        sd      s3, 64(gp)
        ret

# ---------------------------------------------------------------- random numbers, sorted by insertion
sort:   li      s0, NUMBERS
        li      s1, SORTED
        add     s1, s1, s0
        mv      t0, s0                  # the next goes here at first
        li      t1, 12345
        li      t6, 1103515245
insert: mul     t1, t1, t6
        addi    t1, t1, 1013
        mv      t2, t0
shift:  beq     t2, s0, place
        ld      t3, -8(t2)
        bge     t1, t3, place
        sd      t3, 0(t2)
        addi    t2, t2, -8
        j       shift
place:  sd      t1, 0(t2)
        addi    t0, t0, 8
        bne     t0, s1, insert
        ret

# ---------------------------------------------------------------- a frame: a0 is its number
paint:  li      t0, SCREEN
        li      t1, SCREEN_END
        li      t2, 0x01010101
        mul     t2, t2, a0
pixels: mul     t3, t0, t2              # eight of them
        srli    t4, t3, 7
        xor     t3, t3, t4
        sd      t3, 0(t0)
        addi    t0, t0, 8
        bne     t0, t1, pixels
        ret

# ---------------------------------------------------------------- reads the clock, which must not go back
clock:  li      t0, CLOCK
changed:
        lw      t1, 0(t0)               # the version: odd while it is written
        andi    t2, t1, 1
        bnez    t2, changed
        fence
        ld      t3, 8(t0)               # at this value of the time register
        ld      t4, 16(t0)              # it was so late
        lwu     t5, 24(t0)              # ticks to nanoseconds: shifted, and a fraction of it
        lb      t6, 28(t0)
        fence
        lw      t2, 0(t0)
        bne     t1, t2, changed
        csrr    a0, time
        sub     a0, a0, t3
        sll     a0, a0, t6
        slli    t5, t5, 32
        mulhu   a0, a0, t5
        add     a0, a0, t4
        li      t0, LATEST
        amomax.d t1, a0, (t0)
        blt     a0, t1, failed
        ret

failed: addi    t0, gp, 56
        li      t1, 1
        amoadd.d zero, t1, (t0)
        ret

# ---------------------------------------------------------------- writes to the disk, reads it back, compares
transfer:
        mv      s10, ra
        li      t0, 0x800
        csrw    mie, t0                 # wfi waits for the disk; no trap, since mstatus lets none through
        li      t0, DISK
        li      t1, QUEUE
        sd      t1, 0(t0)
        addi    t1, t1, 0x200
        sd      t1, 8(t0)
        addi    t1, t1, 0x100
        sd      t1, 16(t0)
        li      s0, 0                   # transfers done
sector: li      s1, OUTWARDS
        li      s2, 1024
        add     s2, s2, s1
        mv      t1, s0
fill:   addi    t1, t1, 77
        mul     t1, t1, t1
        sd      t1, 0(s1)
        addi    s1, s1, 8
        bne     s1, s2, fill
        li      a2, 1                   # write
        slli    a3, s0, 1
        andi    a3, a3, 62
        li      a4, OUTWARDS
        call    request
        li      a2, 0                   # read
        li      a4, INWARDS
        call    request
        li      s1, OUTWARDS
        li      s3, INWARDS
compare:
        ld      t0, 0(s1)
        ld      t1, 0(s3)
        beq     t0, t1, equal
        call    failed
equal:  addi    s1, s1, 8
        addi    s3, s3, 8
        bne     s1, s2, compare
        li      a0, 46
        ecall                           # a dot
        addi    s0, s0, 1
        li      t0, TRANSFERS
        bne     s0, t0, sector
        mv      ra, s10
        ret

# a request: a2 its type, a3 the sector, a4 where 1024 bytes are
request:
        li      t0, QUEUE
        sw      a2, 0x400(t0)           # the header
        sd      a3, 0x408(t0)
        li      t1, 255
        sb      t1, 0x410(t0)           # the status, until the disk says another
        addi    t1, t0, 0x400           # descriptor 0: the header
        li      t2, 16
        li      t3, 1                   # there is a next one
        sd      t1, 0(t0)
        sw      t2, 8(t0)
        sh      t3, 12(t0)
        sh      t3, 14(t0)
        li      t1, 1024                # descriptor 1: the data, written by the disk if it reads
        li      t2, 3
        beqz    a2, into
        li      t2, 1
into:   sd      a4, 16(t0)
        sw      t1, 24(t0)
        sh      t2, 28(t0)
        li      t2, 2
        sh      t2, 30(t0)
        addi    t1, t0, 0x410           # descriptor 2: the status
        sd      t1, 32(t0)
        sw      t3, 40(t0)
        sh      t2, 44(t0)
        lhu     t1, 0x202(t0)           # the next place of the ring: descriptor 0
        andi    t2, t1, 7
        slli    t2, t2, 1
        add     t2, t2, t0
        sh      zero, 0x204(t2)
        fence                           # the index after the entry
        addi    t1, t1, 1
        sh      t1, 0x202(t0)
        li      t2, DISK
        sw      zero, 24(t2)
undone: wfi
        sw      zero, 32(t2)            # first: what is done after this interrupts again
        fence
        lhu     t3, 0x302(t0)
        bne     t3, t1, undone
        lbu     t3, 0x410(t0)
        bnez    t3, failed
        ret

# ---------------------------------------------------------------- prints: the text at a1, the number a1
print:  lbu     a0, 0(a1)
        beqz    a0, printed
        ecall
        addi    a1, a1, 1
        j       print
printed:
        ret

hex:    li      a2, 60
digit:  srl     a0, a1, a2
        andi    a0, a0, 15
        li      t0, 10
        blt     a0, t0, decimal
        addi    a0, a0, 39              # from after 9 to a
decimal:
        addi    a0, a0, 48
        ecall
        addi    a2, a2, -4
        bge     a2, zero, digit
        li      a0, 10
        ecall
        ret

# ---------------------------------------------------------------- traps: ecall prints a0, faults are counted
trap:   csrrw   tp, mscratch, tp
        sd      t0, 0(tp)
        sd      t1, 8(tp)
        sd      t2, 16(tp)
        csrr    t0, mcause
        li      t2, 1
        blt     t0, zero, interrupt
        csrr    t1, mepc                # goes on after the instruction
        addi    t1, t1, 4
        csrw    mepc, t1
        addi    t1, t0, -11
        beqz    t1, put
        slli    t0, t0, 3
        li      t1, TRAPS
        add     t1, t1, t0
        amoadd.d zero, t2, (t1)
        j       back
put:    li      t1, UART
        sb      a0, 0(t1)
        j       back
interrupt:
        li      t0, INTERRUPTS          # of hart 0: no other has them on
        sw      zero, 0(t0)
        addi    t0, gp, 48
        amoadd.d zero, t2, (t0)
back:   ld      t0, 0(tp)
        ld      t1, 8(tp)
        ld      t2, 16(tp)
        csrrw   tp, mscratch, tp
        mret

hello:
        .asciz  "booted\n"
counted:
        .asciz  "counted\n"
sieved:
        .asciz  "sieved\n"
results:
        .asciz  "\nresults\n"
