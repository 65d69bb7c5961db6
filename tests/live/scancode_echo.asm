; A boot sector that tells COM1 what the keyboard and the mouse deliver.
;
; Each byte read from port 60h becomes three characters: "k" (IRQ 1) or "m" (IRQ 12) and two hex digits.
; The 8042 keeps its translation, so the keyboard's bytes are set 1, as an ordinary PC guest sees them.
; The mouse is switched to five buttons and a wheel (packets of 4 bytes).
; "READY" is sent once when both interrupts are open. A byte 0..7 that arrives on COM1 sets the LEDs
; (1 scroll lock, 2 num lock, 4 caps lock); the keyboard's two acknowledgements then come out as "kfakfa".

        bits 16
        org 0x7c00

COM1    equ 0x3f8
KBC     equ 0x64
KBD     equ 0x60

start:  cli
        cld
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7c00
        mov al, 3                       ; 8 bits, no parity, one stop bit
        mov dx, COM1 + 3
        out dx, al
        sub dx, 2                       ; no interrupts from the line: it is polled
        xor ax, ax
        out dx, al

        mov bl, 0xa8                    ; open the mouse port
        call command
        mov bl, 0x60                    ; command byte: translate, no interrupts as yet (they would be latched)
        call command
        mov bl, 0x44
        call data
        call drain                      ; what was typed at the firmware is not ours
        mov si, knock
.knock: lodsb
        or al, al
        jz .vectors
        mov bl, 0xd4                    ; the next byte goes to the mouse
        push ax
        call command
        pop bx
        call data
.ack:   in al, KBC
        test al, 1
        jz .ack
        in al, KBD
        cmp al, 0xfa
        jne .ack
        jmp .knock

.vectors:
        call drain
        mov bl, 0x60                    ; command byte: translate, both interrupts on
        call command
        mov bl, 0x47
        call data
        mov word [9 * 4], keyboard
        mov word [9 * 4 + 2], 0
        mov word [0x74 * 4], mouse
        mov word [0x74 * 4 + 2], 0
        mov al, 0xf9                    ; master: keyboard and cascade only
        out 0x21, al
        mov al, 0xef                    ; slave: mouse only
        out 0xa1, al
        mov si, ready
.banner:
        lodsb
        or al, al
        jz .idle
        call send
        jmp .banner

.idle:  sti
        mov dx, COM1 + 5
        in al, dx
        test al, 1
        jz .idle
        mov dx, COM1
        in al, dx
        and al, 7
        push ax
        mov bl, 0xed
        call data
        pop bx
        call data
        jmp .idle

; bl to the controller as a command, or to the keyboard as data
command:
        in al, KBC
        test al, 2
        jnz command
        mov al, bl
        out KBC, al
        ret
data:   in al, KBC
        test al, 2
        jnz data
        mov al, bl
        out KBD, al
        ret

drain:  in al, KBC
        test al, 1
        jz .empty
        in al, KBD
        jmp drain
.empty: ret

keyboard:
        push ax
        mov ah, "k"
        jmp log
mouse:  push ax
        mov al, 0x20
        out 0xa0, al
        mov ah, "m"
log:    push bx
        push dx
        in al, KBD
        mov bl, al
        mov al, ah
        call send
        mov al, bl
        shr al, 4
        call digit
        mov al, bl
        and al, 15
        call digit
        mov al, 0x20
        out 0x20, al
        pop dx
        pop bx
        pop ax
        iret

digit:  cmp al, 10
        jb .decimal
        add al, "a" - 10 - "0"
.decimal:
        add al, "0"
send:   push dx
        push ax
        mov dx, COM1 + 5
.full:  in al, dx
        test al, 0x20
        jz .full
        pop ax
        mov dx, COM1
        out dx, al
        pop dx
        ret

; sample rates 200, 100, 80, then 200, 200, 80: wheel, then five buttons; then report movement
knock:  db 0xf3, 200, 0xf3, 100, 0xf3, 80, 0xf3, 200, 0xf3, 200, 0xf3, 80, 0xf4, 0
ready:  db "READY", 10, 0

        times 510 - ($ - $$) db 0
        dw 0xaa55
